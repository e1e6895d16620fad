//! Sections may stand in any order, and a `macro_rules!` may write a table.

use zoo_core::{Options, Plan, network};

macro_rules! with_width {
    ($name:ident, $width:literal, $block:ident) => {
        network! {
            pub $name;
            variants { name; "written-by-a-macro"; }
            top pool, linear;
            stages $block { c; $width; }
            stem Conv { k: 3, c: 8, s: 1 };
            act Relu6;
            norm BatchNorm { momentum: 0.1, eps: 1e-5 };
            input 3 x 32;
        }
    };
}

with_width!(NARROW, 16, Separable);
with_width!(WIDE, 32, Separable);

fn main() {
    let params = |network| Plan::new(network, &Options::DEFAULT).unwrap().cost.params;
    assert!(params(&WIDE) > params(&NARROW));
    assert_eq!(WIDE.family, "wide");
}
