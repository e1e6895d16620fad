//! Steps of AdamW, of RMSprop as TensorFlow has it and of LAMB, and the running average of tensors.
//!
//! Owned here: one update of given tensors. Not here: the state's life, schedules and parameter groups. SGD is in
//! [`sgd`](crate::sgd).

use std::borrow::Borrow;
use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{NativeError, Result, pointers};

type List = *const *const C_tensor;

unsafe extern "C" {
    fn zoo_adamw(
        params: List,
        grads: List,
        first: List,
        second: List,
        length: usize,
        step: i64,
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        weight_decay: f64,
    ) -> *mut c_char;
    fn zoo_rmsprop(
        params: List,
        grads: List,
        square: List,
        momentum_buffers: List,
        length: usize,
        lr: f64,
        alpha: f64,
        momentum: f64,
        eps: f64,
        weight_decay: f64,
    ) -> *mut c_char;
    fn zoo_lamb(
        params: List,
        grads: List,
        first: List,
        second: List,
        length: usize,
        step: i64,
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        weight_decay: f64,
    ) -> *mut c_char;
    fn zoo_move_average(averages: List, values: List, length: usize, share: f64) -> *mut c_char;
}

/// The numbers of one step of AdamW or LAMB, named as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// How much of the mean gradient, and of the mean square, is kept.
    pub betas: (f64, f64),
    /// Added to the root.
    pub eps: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Which step it is, counted from 1.
    pub step: u64,
}

/// The numbers of one step of RMSprop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// How much of the mean square is kept.
    pub alpha: f64,
    /// Momentum.
    pub momentum: f64,
    /// Added to the mean square, inside the root.
    pub eps: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
}

/// One step of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) in a single pass over each parameter
/// (`at::_fused_adamw_`), in place. `first` and `second` are the means of the gradient and of its square, zero at first,
/// with their parameters' shapes and strides.
///
/// # Errors
/// Where the lists do not pair up.
pub fn adamw<P: Borrow<Tensor>, G: Borrow<Tensor>, S: Borrow<Tensor>>(
    params: &[P],
    grads: &[G],
    first: &[S],
    second: &[S],
    settings: Adam,
) -> Result<()> {
    let lists = Lists::new("adamw", params, grads, first, second)?;
    let Adam { lr, betas, eps, weight_decay, step } = settings;
    let [params, grads, first, second] = lists.pointers();
    let (length, step) = (lists.length(), step as i64);
    // SAFETY: the pointers are live tensors for the length of the call, and each list has `length` of them.
    unsafe { check(zoo_adamw(params, grads, first, second, length, step, lr, betas.0, betas.1, eps, weight_decay)) }
}

/// One step of RMSprop as TensorFlow has it, in place: epsilon inside the root, the learning rate inside the momentum.
/// `square` is the mean square of the gradient, one at first, `momentum_buffers` are zero at first.
///
/// # Errors
/// Where the lists do not pair up.
pub fn rmsprop<P: Borrow<Tensor>, G: Borrow<Tensor>, S: Borrow<Tensor>>(
    params: &[P],
    grads: &[G],
    square: &[S],
    momentum_buffers: &[S],
    settings: RmsProp,
) -> Result<()> {
    let lists = Lists::new("rmsprop", params, grads, square, momentum_buffers)?;
    let RmsProp { lr, alpha, momentum, eps, weight_decay } = settings;
    let [params, grads, square, buffers] = lists.pointers();
    // SAFETY: the pointers are live tensors for the length of the call, and each list has `length` of them.
    unsafe {
        check(zoo_rmsprop(params, grads, square, buffers, lists.length(), lr, alpha, momentum, eps, weight_decay))
    }
}

/// One step of LAMB (You et al. 2020, arXiv:1904.00962), in place; the state is that of [`adamw`].
///
/// # Errors
/// Where the lists do not pair up.
pub fn lamb<P: Borrow<Tensor>, G: Borrow<Tensor>, S: Borrow<Tensor>>(
    params: &[P],
    grads: &[G],
    first: &[S],
    second: &[S],
    settings: Adam,
) -> Result<()> {
    let lists = Lists::new("lamb", params, grads, first, second)?;
    let Adam { lr, betas, eps, weight_decay, step } = settings;
    let [params, grads, first, second] = lists.pointers();
    let (length, step) = (lists.length(), step as i64);
    // SAFETY: the pointers are live tensors for the length of the call, and each list has `length` of them.
    unsafe { check(zoo_lamb(params, grads, first, second, length, step, lr, betas.0, betas.1, eps, weight_decay)) }
}

/// Moves each average by `share` of its distance to the value, in place.
///
/// # Errors
/// Where the lists have different lengths or shapes.
pub fn move_average<A: Borrow<Tensor>, V: Borrow<Tensor>>(averages: &[A], values: &[V], share: f64) -> Result<()> {
    if averages.len() != values.len() {
        let message = format!("move_average: {} averages of {} values", averages.len(), values.len());
        return Err(NativeError::new(message));
    }
    let (averages, values) = (pointers(averages), pointers(values));
    // SAFETY: the pointers are live tensors for the length of the call, and the lengths are equal.
    unsafe { check(zoo_move_average(averages.as_ptr(), values.as_ptr(), averages.len(), share)) }
}

/// Parameters, gradients and two kinds of state, all of one length.
struct Lists([Vec<*const C_tensor>; 4]);

impl Lists {
    fn new<P: Borrow<Tensor>, G: Borrow<Tensor>, S: Borrow<Tensor>>(
        caller: &str,
        params: &[P],
        grads: &[G],
        first: &[S],
        second: &[S],
    ) -> Result<Lists> {
        let lists = [pointers(params), pointers(grads), pointers(first), pointers(second)];
        if lists.iter().any(|list| list.len() != params.len()) {
            let lengths = lists.map(|list| list.len());
            return Err(NativeError::new(format!("{caller}: parameters, gradients and state number {lengths:?}")));
        }
        Ok(Lists(lists))
    }

    fn pointers(&self) -> [List; 4] {
        self.0.each_ref().map(|list| list.as_ptr())
    }

    fn length(&self) -> usize {
        self.0[0].len()
    }
}
