use zoo_core::{PlanBuilder, network};

/// Whether a block ends with an activation: a column of words.
#[derive(Clone, Copy)]
pub enum Ending {
    /// It does.
    Activated,
    /// It does not.
    Linear,
}
use Ending::{Activated, Linear};

/// A convolution of many small groups.
pub struct Grouped {
    /// Side of the kernel.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Groups.
    pub g: u32,
    /// What follows the norm.
    pub end: Ending,
}

impl Grouped {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: Grouped = Grouped { k: 3, c: 1, g: 1, end: Activated };

    pub const fn check(&self) -> Option<zoo_core::block::Problem> {
        None
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        b.grouped(self.k, b.scaled(self.c), 1, self.g);
        b.norm();
        if matches!(self.end, Activated) {
            b.act(zoo_core::Activation::Table);
        }
    }
}

network! {
    /// A network of blocks that zoo-core does not know.
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Grouped { k: 5 } {
        c      g  end     n;
        16     4  Linear  1;
        (32)   8  -       2;
    }
    top      pool, linear;
    variants { name; "small"; }
    // 216 + 16, 25 * 2 * 16 + 32, 25 * 2 * 32 + 64, 25 * 4 * 32 + 64, 330
    claims   { name classes params; "small" 10 6_322; }
}

fn main() {
    assert_eq!(SMALL.claims[0].params, Some(6_322));
}
