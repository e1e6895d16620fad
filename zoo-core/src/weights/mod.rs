//! Files of weights: safetensors and both forms of PyTorch's `.pth`, read without running anything that they hold.
//!
//! Owns the formats and what may be wrong with a file, what the tensors in it are called by which project
//! ([`Scheme`]), how they get into a model and out of it ([`load()`], [`named`]), and what weights of each project were
//! trained with ([`TrainedWith`]). The readers know nothing of names and models.

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
mod scheme;
mod state_dict;
#[cfg(test)]
mod tests;
mod torch_legacy;
mod torch_zip;
mod trained_with;
mod view;
mod write;
mod zip;

pub use error::{Problem, WeightsError};
pub use file::{AVERAGE_PREFIX, Format, TensorFile};
pub use fit::networks_that_fit;
pub use load::{LoadReport, Strictness, classes_of, detect, load, named};
pub use said::Said;
pub use scheme::Scheme;
pub use trained_with::{
    IMAGENET_MEAN, IMAGENET_STD, Interpolation, LEAST_DEVIATION, MOST_OF_PIXELS, TrainedWith, are_deviations,
    are_means, channels, deviations, epsilon, interpolation, interpolation_name, is_epsilon, multiplier, padding,
    padding_name, resize, side,
};
pub use write::write_safetensors;
