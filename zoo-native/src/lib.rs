//! The parts of libtorch that tch does not bind, and CPU kernels, behind small C++ files.
//!
//! Owned here: optimizer steps ([`sgd`], [`optimizer`]), gradients ([`gradient`]), batch norm with its activation
//! ([`norm`]), convolution ([`dense`], [`depthwise`]), convolution for inference ([`convolution`]), CPU
//! settings ([`cpu`]), precision ([`precision`]), the state of random number generators ([`generator`]), profiles
//! ([`profile`]), the allocator ([`allocator`]) and processes that compute together ([`comm`]). Not here: which layer uses which of them,
//! and the optimizer's state and schedule.
//!
//! Every function returns a [`Result`]: a C++ exception arrives as a [`NativeError`], never as an abort.

pub mod allocator;
pub mod comm;
pub mod convolution;
pub mod cpu;
pub mod dense;
pub mod depthwise;
mod error;
pub mod generator;
pub mod gradient;
pub mod norm;
pub mod optimizer;
pub mod precision;
pub mod profile;
pub mod sgd;

use std::borrow::Borrow;

use tch::Tensor;
use torch_sys::C_tensor;

pub use error::NativeError;

/// What every function here returns.
pub type Result<T> = std::result::Result<T, NativeError>;

/// The pointers by which C++ knows the tensors; valid as long as the borrow.
fn pointers<T: Borrow<Tensor>>(tensors: &[T]) -> Vec<*const C_tensor> {
    tensors.iter().map(|tensor| tensor.borrow().as_ptr()).collect()
}

/// Null for none.
fn optional(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(std::ptr::null(), Tensor::as_ptr)
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
