use zoo_core::{Activation, PlanBuilder, network};

/// A layer that keeps what comes in and puts `c` channels beside it.
pub struct Dense {
    /// Growth rate.
    pub c: u32,
}

impl Dense {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: Dense = Dense { c: 1 };

    pub const fn check(&self) -> Option<zoo_core::block::Problem> {
        zoo_core::block::Problem::of_width(self.c)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let input = b.value();
        b.norm();
        b.act(Activation::Table);
        b.conv(3, b.scaled(self.c), 1);
        b.concat(&[input, b.value()]);
    }
}

network! {
    /// Widths that follow from the repeats, and that are no multiples of 8.
    pub DENSE;

    scale    width;
    vary     n1, g;
    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Dense {
        c  n;
        g  n1;
    }
    stages   Conv {
                        c  k  n;
        ((8 + g * n1) / 2)  1  (n1 - 1);
    }
    top      norm, act, pool, linear;
    variants { name n1 g; "small" 2 12; "wide" 3 20; }
    // 216 + 16; 16 + 9 * 8 * 12, 40 + 9 * 20 * 12; 32 * 16 + 32; 32 + 170
    // 216 + 16; 16 + 9 * 8 * 20, 56 + 9 * 28 * 20, 96 + 9 * 48 * 20; 68 * 34 + 68, 34 * 34 + 68; 68 + 350
    claims {
        name classes params;
        "small"   10  4_058;
        "wide"    10 19_542;
    }
}

fn main() {
    assert_eq!(DENSE.variants[1].options.varied[..2], [3, 20]);
}
