use zoo_core::network;

network! {
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Separable {
        k    c;
        (2)  16;
    }
    top      pool, linear;
    variants { name; "small"; }
    claims   { name classes params; "small" 10 1_000; }
}

fn main() {
    println!("{}", SMALL.family);
}
