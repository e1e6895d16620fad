use zoo_core::block::Problem;
use zoo_core::{Activation, PlanBuilder, network};

/// Two 3 x 3 convolutions beside a shortcut, which is projected where the width or the map changes.
pub struct Residual {
    pub c: u32,
    pub s: u32,
}

impl Residual {
    pub const DEFAULT: Residual = Residual { c: 1, s: 1 };

    pub const fn check(&self) -> Option<Problem> {
        Problem::of_stride(self.s)
    }

    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let (input, channels) = (b.value(), b.scaled(self.c));
        if self.s != 1 || b.channels() != channels {
            b.part("shortcut"); // layers go by their parts: stages.1.0.shortcut.conv
            b.conv(1, channels, self.s);
            b.norm();
        }
        let shortcut = b.value();
        b.resume(input);
        b.part("conv1");
        b.conv(3, channels, self.s);
        b.norm();
        b.act(Activation::Table);
        b.part("conv2");
        b.conv(3, channels, 1);
        b.norm();
        b.part("");
        b.add(shortcut);
        b.act(Activation::Table);
    }
}

network! {
    /// ResNet-20 for CIFAR-10, He et al. 2015 (arXiv:1512.03385), section 4.2.
    pub RESNET_CIFAR;

    scale    width, depth;
    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;

    stem     Conv { k: 3, c: 16, s: 1 };
    stages   Residual {
         c  n  s;
        16  3  1;
        32  3  2;
        64  3  2;
    }
    top      pool, linear;

    variants { name; "resnet-20"; }
    claims   { name classes params macs; "resnet-20" 10 272_474 40_813_184; }
}
