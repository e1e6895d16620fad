use zoo_core::network;

network! {
    pub SMALL;

    scale    width;
    round    width: divisble(8);
    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    init     fan_outt;
    padding  symetric;

    stem     Conv { k: 3, c: 8, s: 1 } fixd;
    stages   InvertedResidual {
        t  k   c  n  s;
        1  3   8  1  1;
        6  5  16  2  2  fixdepth;
    }
    head     Conv { k: 1, c: 64 };
    top      pol, dropout, linear;

    profile  flat { stages[1].s = 1; }

    variants {
        name         width  input;
        "small"        1.0     32;
        "small-0.5"    0.5     32;
    }
    claims {
        name     classes  params       macs;
        "small"       10   10_666  2_921_088;
    }
}

fn main() {
    // A table with mistakes still declares its network: nothing is reported here.
    println!("{}", SMALL.family);
}
