//! Tables in places where tables may stand, with names from where names may come.

use zoo_core::{Options, Plan, network};

network! {
    /// EfficientNet, Tan & Le 2019 (arXiv:1905.11946v5), Table 1.
    pub EFFICIENTNET;
    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Silu;
    init     fan_out;
    padding  symmetric;
    stem     Conv { k: 3, c: 32, s: 2 };
    stages   MBConv { se: 0.25, se_of: Input } {
        t  k    c   n  s;
        1  3   16   1  1;
        6  3   24   2  2;
        6  5   40   2  2;
        6  3   80   3  2;
        6  5  112   3  1;
        6  5  192   4  2;
        6  3  320   1  1;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, dropout, linear;
    drop_path 0.2;
    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }
    variants {
        name               width  depth  input  dropout;
        "efficientnet-b0"    1.0    1.0    224      0.2;
        "efficientnet-b1"    1.0    1.1    240      0.2;
        "efficientnet-b2"    1.1    1.2    260      0.3;
        "efficientnet-b3"    1.2    1.4    300      0.3;
        "efficientnet-b4"    1.4    1.8    380      0.4;
        "efficientnet-b5"    1.6    2.2    456      0.4;
        "efficientnet-b6"    1.8    2.6    528      0.5;
        "efficientnet-b7"    2.0    3.1    600      0.5;
        "efficientnet-b8"    2.2    3.6    672      0.5;
    }
    claims {
        name               params     macs;
        "efficientnet-b0"  5_288_548  385_814_752;
    }
}

#[test]
fn the_table_is_the_network() {
    let plan = Plan::new(&EFFICIENTNET, &EFFICIENTNET.variant("efficientnet-b0").unwrap().options).unwrap();
    assert_eq!(plan.cost.params, 5_288_548);
    assert_eq!(plan.blocks(), 16);
    let cifar = Options { profile: 2, ..Options::DEFAULT };
    assert_eq!(Plan::new(&EFFICIENTNET, &cifar).unwrap().cost.params, 5_288_548);
}
