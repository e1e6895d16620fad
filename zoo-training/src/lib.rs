//! Training: from settings and a data set to checkpoints and rows.
//!
//! [`Settings`](zoo_settings::Settings) say what is to be done, [`run`] does it with a [`trainer`] (model, optimizer and average), batches that
//! [`source`] describes and [`loader`] prepares, and a learning rate from [`schedule`](zoo_settings::schedule). Everything random is a pure function
//! of (seed, epoch, index) or (seed, step), and the learning rate of the step alone, so a run that was killed goes on bit
//! for bit.

pub mod augment;
pub mod average;
pub mod batch;
pub mod budget;
pub mod calibrate;
pub mod channels;
pub mod checkpoint;
pub mod comm;
pub mod crop;
pub mod dataset;
pub mod error;
pub mod estimate;
pub mod evaluate;
pub mod features;
pub mod folder;
pub mod freeze;
pub mod loader;
pub mod loss;
mod memory;
pub mod metrics;
pub mod norms;
pub mod optimizer;
pub mod profile;
pub mod progress;
pub mod progressive;
pub mod random;
mod resident;
pub mod row;
pub mod run;
mod sample;
pub mod source;
pub mod starting_point;
pub mod test_set;
pub mod trainer;

pub use error::TrainError;
