use zoo_core::network;

/// A block whose plan is no `const fn`.
pub struct Slow {
    /// Output channels.
    pub c: u32,
}

impl Slow {
    const DEFAULT: Slow = Slow { c: 1 };

    const fn check(&self) -> Option<zoo_core::block::Problem> {
        None
    }

    fn plan(&self, b: &mut zoo_core::PlanBuilder<'_>) {
        b.conv(1, self.c, 1);
    }
}

network! {
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Slow {
        c;
        16;
    }
    top      pool, linear;
    variants { name; "small"; }
    claims   { name classes params; "small" 10 1_000; }
}

fn main() {
    println!("{}", SMALL.family);
}
