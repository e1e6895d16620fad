use zoo_core::block::Problem;
use zoo_core::{PlanBuilder, network};

/// A block whose branches have different strides.
pub struct Branches {
    /// Output channels.
    pub c: u32,
}

impl Branches {
    const DEFAULT: Branches = Branches { c: 1 };

    const fn check(&self) -> Option<Problem> {
        None
    }

    const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let input = b.value();
        b.max_pool(3, 2);
        let pooled = b.value();
        b.concat(&[input, pooled]);
    }
}

network! {
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Branches { c; 16; }
    top      pool, linear;
    variants { name; "small"; }
    claims   { name classes params; "small" 10 1_000; }
}

fn main() {
    println!("{}", SMALL.family);
}
