//! Weights: where they come from, which network they are for, and how they want their images.
//!
//! Reading files and naming tensors is zoo-core's; this module ties a file to an entry of the registry ([`open`]) and
//! settles how images are prepared for it ([`resolved`]). [`pretrained`] fetches files from the Hugging Face hub.

pub mod description;
mod error;
pub mod name;
pub mod open;
pub mod pretrained;
pub mod resolved;

pub use description::Description;
pub use error::WeightsFault;
pub use name::name;
pub use open::{Identified, Opened, Wanted, identify, open};
pub use resolved::{Origin, Resolved};
