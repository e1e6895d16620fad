//! The few libtorch pieces that tch does not bind, behind small C++ files.
//!
//! Owned here: the fused optimizer step and gradient handling ([`sgd`]). Not here: which layer uses which of them, and
//! the optimizer's state and schedule.
//!
//! Every function returns a [`Result`]: a C++ exception arrives as a [`NativeError`], never as an abort.

mod error;
pub mod sgd;

pub use error::NativeError;

/// What every function here returns.
pub type Result<T> = std::result::Result<T, NativeError>;

/// The pointers by which C++ knows the tensors; valid as long as the borrow.
fn pointers<T: std::borrow::Borrow<tch::Tensor>>(tensors: &[T]) -> Vec<*const torch_sys::C_tensor> {
    tensors.iter().map(|tensor| tensor.borrow().as_ptr()).collect()
}
