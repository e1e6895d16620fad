//! Weights: where they come from, which network they are for, and how they want their images.
//!
//! Reading files and naming tensors is zoo-core's; this module ties a file to an entry of the registry ([`mod@open`]) and
//! settles how images are prepared for it ([`resolved`]); [`libraries`] knows what torchvision and timm call a network and
//! its files, [`classes`] which logit stands for which class, [`python`] how a file is used there. [`pretrained`] knows
//! timm's weights on the Hugging Face [`hub`], which fetches them.

pub mod classes;
pub mod description;
mod error;
pub mod hub;
pub mod libraries;
pub mod name;
pub mod open;
pub mod pretrained;
pub mod python;
pub mod resolved;

pub use description::Description;
pub use error::WeightsFault;
pub use libraries::Known;
pub use name::name;
pub use open::{Identified, Opened, Scale, Wanted, identify, open};
pub use resolved::{Origin, Resolved};
