use zoo_core::{PlanBuilder, network};

pub struct Plain {
    pub c: u32,
}

impl Plain {
    pub const fn check(&self) -> Option<zoo_core::block::Problem> {
        None
    }

    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        b.conv(3, b.scaled(self.c), 1);
    }
}

network! {
    pub SMALL;

    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    stem     Conv { k: 3, c: 8, s: 1 };
    stages   Plain {
         c  n;
        16  1;
    }
    top      pool, linear;
    variants { name; "small"; }
}

fn main() {}
