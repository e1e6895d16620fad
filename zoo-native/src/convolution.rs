//! Convolution for inference: packed once, then run with all that surrounds it in one pass.
//!
//! Owned here: dense and depthwise convolutions of f32 maps in channels_last order on the CPU, and the mean that stands
//! before a classifier or a gate. Not here: training, and grouped convolutions that are neither.

use std::ffi::{c_char, c_int, c_void};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use crate::depthwise::Padding;
use crate::error::check;
use crate::{NativeError, Result, optional};

/// The widest depthwise kernel there is a kernel for.
const WIDEST: i64 = 11;

enum Packed {}

unsafe extern "C" {
    fn zoo_convolution_new(
        weight: *const C_tensor,
        bias: *const C_tensor,
        stride: i64,
        top: i64,
        left: i64,
        bottom: i64,
        right: i64,
        depthwise: bool,
        activation: c_int,
        out: *mut *mut Packed,
    ) -> *mut c_char;
    fn zoo_convolution_free(convolution: *mut Packed);
    fn zoo_convolution_run(
        convolution: *const Packed,
        x: *const C_tensor,
        gate: *const C_tensor,
        residual: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn zoo_separable_new(
        expand: *mut Packed,
        depthwise: *mut Packed,
        project: *mut Packed,
        out: *mut *mut c_void,
    ) -> *mut c_char;
    fn zoo_separable_takes_planes(separable: *const c_void) -> bool;
    fn zoo_separable_free(separable: *mut c_void);
    fn zoo_separable_run(
        separable: *const c_void,
        x: *const C_tensor,
        residual: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn zoo_global_mean(x: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
}

/// What follows the sum and its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(i32)]
pub enum Activation {
    /// Nothing.
    #[default]
    None = 0,
    /// max(z, 0)
    Relu = 1,
    /// min(max(z, 0), 6)
    Relu6 = 2,
    /// z * sigmoid(z), also called swish.
    Silu = 3,
    /// z * relu6(z + 3) / 6
    HardSwish = 4,
    /// 1 / (1 + e^-z)
    Sigmoid = 5,
    /// relu6(z + 3) / 6
    HardSigmoid = 6,
}

/// A convolution whose weights are packed for this machine.
pub struct Convolution {
    packed: NonNull<Packed>,
    takes_gate: bool,
    is_depthwise: bool,
    is_pointwise: bool,
}

// SAFETY: the packed weights are plain memory that is never written again.
unsafe impl Send for Convolution {}
// SAFETY: as above; running only reads them.
unsafe impl Sync for Convolution {}

impl Convolution {
    /// Whether [`new`](Convolution::new) takes such a weight (outputs x inputs / groups x K x K).
    pub fn takes(weight: &Tensor, groups: i64) -> bool {
        let size = weight.size();
        let square = size.len() == 4 && size[2] == size[3];
        let depthwise = square && groups > 1 && groups == size[0] && size[1] == 1 && size[2] <= WIDEST;
        square && (groups == 1 || depthwise) && weight.device() == Device::Cpu && weight.kind() == Kind::Float
    }

    /// Packs a weight and its bias, a value an output.
    ///
    /// # Errors
    /// Where [`takes`](Convolution::takes) is false, or the stride is below 1.
    pub fn new(
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: i64,
        padding: Padding,
        groups: i64,
        activation: Activation,
    ) -> Result<Convolution> {
        if !Convolution::takes(weight, groups) {
            let size = weight.size();
            return Err(NativeError::new(format!(
                "convolution: no kernel for a weight of {size:?} in {groups} groups"
            )));
        }
        let Padding { top, left, bottom, right } = padding;
        let mut out = std::ptr::null_mut();
        // SAFETY: the tensors live through the call; on success `out` is an object that is ours alone.
        unsafe {
            let (weight, bias) = (weight.as_ptr(), optional(bias));
            let activation = activation as c_int;
            let verdict =
                zoo_convolution_new(weight, bias, stride, top, left, bottom, right, groups > 1, activation, &mut out);
            check(verdict)?;
        }
        let packed = NonNull::new(out).ok_or_else(|| NativeError::new("convolution: nothing was packed"))?;
        let takes_gate = groups == 1 && weight.size()[2] == 1;
        let is_pointwise = takes_gate && stride == 1 && padding == Padding::default();
        Ok(Convolution { packed, takes_gate, is_depthwise: groups > 1, is_pointwise })
    }

    /// Whether [`run`](Convolution::run) may be given a gate.
    pub fn takes_gate(&self) -> bool {
        self.takes_gate
    }

    /// Whether each channel has a kernel of its own.
    pub fn is_depthwise(&self) -> bool {
        self.is_depthwise
    }

    /// Whether it is a 1 x 1 convolution of stride 1.
    pub fn is_pointwise(&self) -> bool {
        self.is_pointwise
    }

    /// `activation(convolution(x * gate) + bias) + residual`.
    ///
    /// A gate (N x inputs x 1 x 1) goes with 1 x 1 kernels, a residual of the output's shape with dense ones. All are f32
    /// maps in channels_last order on the CPU. Gradients are not recorded.
    ///
    /// # Errors
    /// Where a tensor is none of these or has another shape.
    pub fn run(&self, x: &Tensor, gate: Option<&Tensor>, residual: Option<&Tensor>) -> Result<Tensor> {
        let mut out = std::ptr::null_mut();
        // SAFETY: the tensors live through the call; on success `out` is a new tensor that is ours alone.
        unsafe {
            check(zoo_convolution_run(self.packed.as_ptr(), x.as_ptr(), optional(gate), optional(residual), &mut out))?;
            Ok(Tensor::from_ptr(out))
        }
    }
}

impl Drop for Convolution {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { zoo_convolution_free(self.packed.as_ptr()) }
    }
}

impl fmt::Debug for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Convolution").finish_non_exhaustive()
    }
}

/// A depthwise convolution with the dense one before it, the 1 x 1 one behind it, or both, in one pass over the rows: the map
/// between them stays in the cache.
pub struct Separable(NonNull<c_void>);

// SAFETY: as for `Convolution`.
unsafe impl Send for Separable {}
// SAFETY: as for `Convolution`.
unsafe impl Sync for Separable {}

impl Separable {
    /// Joins convolutions: `depthwise` reads what `expand` gives, and `project` what `depthwise` gives.
    ///
    /// # Errors
    /// Where they do not match, `depthwise` is not one, or `project` is not a 1 x 1 convolution of stride 1.
    pub fn new(expand: Option<Convolution>, depthwise: Convolution, project: Option<Convolution>) -> Result<Separable> {
        let given = |convolution: Option<Convolution>| {
            convolution.map_or(std::ptr::null_mut(), |convolution| ManuallyDrop::new(convolution).packed.as_ptr())
        };
        let mut out = std::ptr::null_mut();
        // SAFETY: the convolutions are ours alone and not used again, as the C++ side frees them.
        unsafe { check(zoo_separable_new(given(expand), given(Some(depthwise)), given(project), &mut out))? };
        NonNull::new(out).map(Separable).ok_or_else(|| NativeError::new("separable: nothing was joined"))
    }

    /// Whether [`run`](Separable::run) takes contiguous maps, too: a plane for each channel, as images have them.
    pub fn takes_planes(&self) -> bool {
        // SAFETY: it is ours.
        unsafe { zoo_separable_takes_planes(self.0.as_ptr()) }
    }

    /// `project(depthwise(expand(x))) + residual`, each with its activation. A residual goes with a projection.
    ///
    /// # Errors
    /// Where a tensor is not an f32 map in channels_last order on the CPU, or has another shape.
    pub fn run(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let mut out = std::ptr::null_mut();
        // SAFETY: the tensors live through the call; on success `out` is a new tensor that is ours alone.
        unsafe {
            check(zoo_separable_run(self.0.as_ptr(), x.as_ptr(), optional(residual), &mut out))?;
            Ok(Tensor::from_ptr(out))
        }
    }
}

impl Drop for Separable {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { zoo_separable_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Separable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Separable").finish_non_exhaustive()
    }
}

/// The mean of each channel of an f32 map in channels_last order on the CPU, as N x C x 1 x 1.
///
/// # Errors
/// Where `x` is not such a map.
pub fn global_mean(x: &Tensor) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    // SAFETY: `x` lives through the call; on success `out` is a new tensor that is ours alone.
    unsafe {
        check(zoo_global_mean(x.as_ptr(), &mut out))?;
        Ok(Tensor::from_ptr(out))
    }
}
