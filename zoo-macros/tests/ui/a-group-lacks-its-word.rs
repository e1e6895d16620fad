use zoo_core::network;

network! {
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   InvertedResidual {
        t  k   c  n  s;
        1  3   8  1  1;
    }
    Separable {
        k   c  n  s;
        3  16  1;
    }
    top      pool, linear;
    variants { name; "small"; }
}

fn main() {}
