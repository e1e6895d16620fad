//! The block of RepVGG (Ding et al. 2021, arXiv:2101.03697, section 3.2, figure 2).

use zoo_core::block::Problem;
use zoo_core::{Activation, PlanBuilder};

/// A 3 x 3 convolution, a 1 x 1 convolution and, where the shapes agree, the input itself, each with a norm of its own; their
/// sum, and the activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepVggBlock {
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of both convolutions.
    pub s: u32,
}

impl RepVggBlock {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: RepVggBlock = RepVggBlock { c: 1, s: 1 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        match Problem::of_width(self.c) {
            None => Problem::of_stride(self.s),
            problem => problem,
        }
    }

    /// Emits the block. Each branch goes back to the input with `resume`; they come in the order of timm's state dict.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let input = b.value();
        let channels = b.scaled(self.c);
        let keeps_shape = self.s == 1 && channels == b.channels();
        if keeps_shape {
            b.part("identity");
            b.norm();
        }
        let identity = b.value();

        b.resume(input);
        b.part("conv_kxk");
        b.conv(3, channels, self.s);
        b.norm();
        let wide = b.value();

        b.resume(input);
        b.part("conv_1x1");
        b.conv(1, channels, self.s);
        b.norm();

        b.part("");
        b.add(wide);
        if keeps_shape {
            b.add(identity);
        }
        b.act(Activation::Table);
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::{Plan, PlanError};

    use crate::repvgg::REPVGG;

    /// Names of the operations of one block of RepVGG-A0.
    fn block(name: &str) -> Result<Vec<String>, PlanError> {
        let plan = Plan::new(&REPVGG, &REPVGG.variants[0].options)?;
        let inside = plan.ops.iter().filter(|op| op.block_name() == name);
        Ok(inside.map(|op| op.name().replace(&format!("{name}."), "")).collect())
    }

    #[test]
    fn the_input_is_a_branch_where_the_shapes_agree() -> Result<(), PlanError> {
        let strided = ["conv_kxk.conv", "conv_kxk.norm", "conv_1x1.conv", "conv_1x1.norm", "add", "act"];
        assert_eq!(block("stages.0.0")?, strided);
        let kept = [&["identity.norm"], &strided[..5], &["add.1", "act"]].concat();
        assert_eq!(block("stages.0.1")?, kept);
        Ok(())
    }
}
