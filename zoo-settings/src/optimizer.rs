//! Which optimizers there are, and what weight decay is applied to.

use serde::{Deserialize, Serialize};

/// Which optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Stochastic gradient descent with Nesterov momentum.
    #[default]
    Sgd,
    /// RMSprop as TensorFlow has it, which the papers trained with.
    RmsProp,
    /// Adam with weight decay apart from the gradient.
    AdamW,
    /// Adam with a trust ratio a tensor, for large batches.
    Lamb,
}

impl Kind {
    /// Whether it is the one that is not written into a configuration.
    pub fn is_default(&self) -> bool {
        *self == Kind::default()
    }

    /// Whether a step depends on how many there were before: Adam corrects the bias of averages that start from zero.
    pub fn counts_updates(self) -> bool {
        matches!(self, Kind::AdamW | Kind::Lamb)
    }
}

/// What weight decay is applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decayed {
    /// Weights of convolutions and linear layers, not norms and biases.
    #[default]
    Weights,
    /// Those, without depthwise convolutions, which have few weights to spare (MobileNetV1, section 3.1).
    Dense,
    /// Every parameter.
    All,
}

impl Decayed {
    /// Whether it is the one that is not written into a configuration.
    pub fn is_default(&self) -> bool {
        *self == Decayed::default()
    }
}
