//! Files of weights: safetensors and both forms of PyTorch's `.pth`, read without running anything that they hold.
//!
//! Owns the formats and what may be wrong with a file, and how tensors get into a model and out of it ([`load()`],
//! [`named`]). What they are called by which project, and what weights of each were trained with, is in
//! [`names`](crate::names). The readers know nothing of names and models.

mod bytes;
mod choose;
mod error;
mod file;
mod fit;
mod kind;
mod load;
mod pickle;
mod safetensors;
mod said;
#[cfg(test)]
mod sample;
mod state_dict;
#[cfg(test)]
mod tests;
mod torch_legacy;
mod torch_zip;
mod view;
mod write;
mod zip;

pub use crate::names::{
    IMAGENET_MEAN, IMAGENET_STD, Interpolation, LEAST_DEVIATION, MOST_OF_PIXELS, Scheme, TrainedWith, are_deviations,
    are_means, channels, deviations, epsilon, interpolation, interpolation_name, is_epsilon, multiplier, padding,
    padding_name, resize,
};
pub use error::{Problem, WeightsError};
pub use file::{AVERAGE_PREFIX, Format, TensorFile};
pub use fit::networks_that_fit;
pub use load::{LoadReport, Strictness, classes_of, detect, in_channels_of, load, named};
pub use said::Said;
pub use write::write_safetensors;
