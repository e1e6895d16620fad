//! Fused-MBConv, the early block of EfficientNetV2 (Tan & Le 2021, arXiv:2104.00298, figure 2).

use super::{Problem, inverted, project};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// MBConv with expansion and depthwise convolution fused into one dense convolution; residual where the shapes agree.
///
/// Without expansion there is nothing to project, and the dense convolution is all there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedMBConv {
    /// Expansion factor, of the block's real input.
    pub t: f64,
    /// Side of the dense kernel, odd.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the dense convolution.
    pub s: u32,
    /// Activation of the dense convolution.
    pub act: Activation,
}

impl FusedMBConv {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: FusedMBConv = FusedMBConv { t: 1.0, k: 3, c: 1, s: 1, act: Activation::Table };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        // NaN is not over 0 either.
        if self.t > 0.0 { inverted(self.c, self.k, self.s) } else { Problem::new("t", "the expansion must be over 0") }
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let shortcut = b.value();
        let channels = b.scaled(self.c);
        let expands = self.t != 1.0;
        let dense = if expands { b.rounded(b.channels() as f64 * self.t) } else { channels };
        b.part("fused");
        b.conv(self.k, dense, self.s);
        b.norm();
        b.act(self.act);
        if expands {
            project(b, channels, shortcut);
        } else if b.value().shape.equals(shortcut.shape) {
            b.part("");
            b.add(shortcut);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::arch::EFFICIENTNET_V2_S;
    use crate::plan::{Plan, PlanError};

    /// Names of the operations of one block of EfficientNetV2-S.
    fn block(name: &str) -> Result<Vec<String>, PlanError> {
        let plan = Plan::new(&EFFICIENTNET_V2_S, &EFFICIENTNET_V2_S.variants[0].options)?;
        let inside = plan.ops.iter().filter(|op| op.block_name() == name);
        Ok(inside.map(|op| op.name().replace(&format!("{name}."), "")).collect())
    }

    #[test]
    fn without_expansion_it_is_one_convolution_and_a_residual() -> Result<(), PlanError> {
        assert_eq!(block("stages.0.0")?, ["fused.conv", "fused.norm", "fused.act", "add"]);
        Ok(())
    }

    #[test]
    fn with_expansion_a_linear_projection_follows() -> Result<(), PlanError> {
        let strided = ["fused.conv", "fused.norm", "fused.act", "project.conv", "project.norm"];
        assert_eq!(block("stages.1.0")?, strided);
        assert_eq!(block("stages.1.1")?, [&strided[..], &["add"]].concat());
        Ok(())
    }
}
