//! A plan as tch modules: parameters, initialisation and the forward pass.
//!
//! Owns tensors and how they are computed with. It knows plans only: no architecture, file or command line. Everything
//! runs in channels_last, which libtorch's CPU kernels prefer by a factor of two on these networks.

mod convolution;
mod deployed;
mod fold;
mod forward;
mod init;
mod layout;
mod node;
mod onnx;
mod separable;

pub(crate) use convolution::{Geometry, border};
pub use deployed::{Backend, Deployed};
pub use forward::Mode;
pub use layout::{MemoryFormat, channels_last};
pub(crate) use onnx::MACS;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use node::Node;
use tch::{Device, Kind, TchError, Tensor};
use zoo_native::generator::Generators;

pub use crate::op::Role;
use crate::op::{BatchNorm, OpKind, Shape, Tensors};
use crate::plan::{Norm, Padding, Plan, PlanError};

/// What went wrong while building or running a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The options give no network.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// libtorch refused, most often for lack of memory or because of an input of another shape.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] TchError),
    /// One of the kernels of zoo-native refused.
    #[error(transparent)]
    Native(#[from] zoo_native::NativeError),
    /// A plan of the same network was wanted.
    #[error("the plan belongs to another network")]
    OtherNetwork,
    /// A batch of one image, of which a norm sees a map of one pixel.
    #[error("{norm}: expected more than 1 value per channel when training, but this is one image of 1 x 1 pixel")]
    OneValue {
        /// The norm's name.
        norm: String,
    },
    /// The images are not of the plan's shape.
    #[error("expected images of shape {expected} (channels, height, width), got {found:?}")]
    Input {
        /// Shape of the plan's input.
        expected: Shape,
        /// Shape of the tensor given.
        found: Vec<i64>,
    },
}

// libtorch appends its C++ stack to the message.
fn first_line(error: &TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

/// A trainable tensor with its name.
#[derive(Debug)]
pub struct Parameter {
    /// Unique name, such as `stages.2.0.depthwise.conv.weight`.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Position in the plan of the operation it belongs to.
    pub op: usize,
    /// Its value.
    pub tensor: Tensor,
}

/// A running mean or variance with its name.
#[derive(Debug)]
pub struct Buffer {
    /// Unique name, such as `stem.norm.running_mean`.
    pub name: String,
    /// Position in the plan of the norm it belongs to.
    pub op: usize,
    /// Its value.
    pub tensor: Tensor,
}

/// A network that can be trained and evaluated.
#[derive(Debug)]
pub struct Model {
    plan: Plan,
    nodes: Vec<Node>,
    // The operations know both by their positions, so nobody else may add to them or take away.
    parameters: Vec<Parameter>,
    buffers: Vec<Buffer>,
    /// Where those of each operation stand among the parameters and among the buffers.
    spans: Vec<Span>,
    device: Device,
    frozen: usize,
    frozen_statistics: bool,
}

/// Positions of an operation's parameters and buffers.
type Span = (Range<usize>, Range<usize>);

/// How a model is made.
#[derive(Clone, Copy, Debug)]
pub struct ModelOptions {
    /// Where the tensors live.
    pub device: Device,
    /// f32 for training; f64 for comparisons.
    pub kind: Kind,
    /// Seed of the initial weights.
    pub seed: i64,
}

impl Default for ModelOptions {
    fn default() -> ModelOptions {
        ModelOptions { device: Device::Cpu, kind: Kind::Float, seed: 0 }
    }
}

impl Model {
    /// Builds the network with fresh weights, the same for the same seed. libtorch's own generators are left as they were.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn new(plan: Plan, options: &ModelOptions) -> Result<Model, ModelError> {
        /// libtorch's generator belongs to the process: networks that are built at once would draw each other's numbers.
        static DRAWING: Mutex<()> = Mutex::new(());
        let (mut parameters, mut buffers) = (Vec::new(), Vec::new());
        let drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever draws numbers of their own goes on where they were.
        let generators = Generators::save(options.device)?;
        tch::manual_seed(options.seed);
        let made = plan.ops.iter().enumerate().map(|(index, op)| {
            let (first, first_buffer) = (parameters.len(), buffers.len());
            init::tensors_of(op, index, &plan.rules, options, &mut parameters, &mut buffers)?;
            Ok((first..parameters.len(), first_buffer..buffers.len()))
        });
        let made: Result<Vec<Span>, ModelError> = made.collect();
        generators.restore()?;
        drop(drawing);
        let (spans, nodes) = (made?, node::lower(&plan));
        Ok(Model {
            plan,
            nodes,
            parameters,
            buffers,
            spans,
            device: options.device,
            frozen: 0,
            frozen_statistics: false,
        })
    }

    /// The plan that it was built from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Trainable tensors in the plan's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Trainable tensors in the plan's order, to be changed in place.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Running statistics in the plan's order.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// Running statistics in the plan's order, to be changed in place.
    pub fn buffers_mut(&mut self) -> &mut [Buffer] {
        &mut self.buffers
    }

    /// Everything it holds, to be changed in place: parameters, then running statistics.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let parameters = self.parameters.iter_mut().map(|parameter| &mut parameter.tensor);
        parameters.chain(self.buffers.iter_mut().map(|buffer| &mut buffer.tensor))
    }

    /// Where its tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Number of trainable parameters, counted in the tensors.
    pub fn parameter_count(&self) -> u64 {
        self.parameters.iter().map(|parameter| parameter.tensor.numel() as u64).sum()
    }

    /// The tensors of operation `op` of the plan, as they are now.
    fn tensors_of(&self, op: usize) -> Tensors<'_> {
        let (parameters, buffers) = &self.spans[op];
        Tensors::OfModel(&self.parameters[parameters.clone()], &self.buffers[buffers.clone()])
    }

    /// Sets the constants of every norm, where weights were trained with others than the table's. A layer norm has no momentum.
    pub fn set_norms(&mut self, eps: Option<f64>, momentum: Option<f64>) {
        let set = |norm: &mut BatchNorm| {
            norm.eps = eps.unwrap_or(norm.eps);
            norm.momentum = momentum.unwrap_or(norm.momentum);
        };
        match &mut self.plan.rules.norm {
            Norm::BatchNorm(norm) => set(norm),
            Norm::LayerNorm(norm) => norm.eps = eps.unwrap_or(norm.eps),
        }
        for op in &mut self.plan.ops {
            match &mut op.kind {
                OpKind::BatchNorm(norm) => set(norm),
                OpKind::LayerNorm(norm) => norm.eps = eps.unwrap_or(norm.eps),
                _ => {}
            }
        }
    }

    /// Puts the padding of strided convolutions where the weights were trained with it.
    pub fn set_padding(&mut self, padding: Padding) {
        self.plan.options.padding = padding;
    }

    /// Computes with images of another size from now on: that of `plan`, which is of the same table and options otherwise.
    ///
    /// # Errors
    /// Where `plan` belongs to another network.
    pub fn set_size_of(&mut self, plan: &Plan) -> Result<(), ModelError> {
        let same = |(own, other): (&crate::op::Op, &crate::op::Op)| own.name() == other.name();
        if plan.ops.len() != self.plan.ops.len() || !self.plan.ops.iter().zip(&plan.ops).all(same) {
            return Err(ModelError::OtherNetwork);
        }
        for (own, other) in self.plan.ops.iter_mut().zip(&plan.ops) {
            (own.input, own.output) = (other.input, other.output);
        }
        (self.plan.input, self.plan.cost) = (plan.input, plan.cost);
        self.plan.options.input_size = plan.options.input_size;
        Ok(())
    }

    /// Whether every norm only shifts: its mean and scale were folded into the convolution before it, as in networks made
    /// for inference. With the statistics of batches such a network computes something else.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn has_folded_norms(&self) -> Result<bool, ModelError> {
        let is_all =
            |tensor: &Tensor, value: f64| Ok::<bool, TchError>(tensor.f_eq(value)?.f_all()?.f_int64_value(&[])? == 1);
        let mut shifts = false;
        let is_batch_norm = |op: usize| matches!(self.plan.ops[op].kind, OpKind::BatchNorm(_));
        let parameters = self.parameters.iter().enumerate().filter(|(_, parameter)| is_batch_norm(parameter.op));
        let scales = parameters.filter(|(_, parameter)| parameter.role == Role::NormScale);
        for (index, scale) in scales {
            if !is_all(&scale.tensor, 1.0)? {
                return Ok(false);
            }
            // The shift stands behind the scale.
            shifts |= !is_all(&self.parameters[index + 1].tensor, 0.0)?;
        }
        for mean in self.buffers.iter().filter(|buffer| buffer.name.ends_with(".running_mean")) {
            if !is_all(&mean.tensor, 0.0)? {
                return Ok(false);
            }
        }
        // A network that was never trained has no shifts yet.
        Ok(shifts)
    }

    /// Freezes the first `ops` operations of the plan: their parameters get no gradient, and their norms use running
    /// statistics in training, too. 0 frees everything.
    pub fn freeze(&mut self, ops: usize) {
        self.frozen = ops;
        for parameter in &mut self.parameters {
            parameter.tensor = parameter.tensor.set_requires_grad(parameter.op >= ops);
        }
    }

    /// How many operations are frozen.
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// Whether all norms use running statistics in training, and leave them as they are.
    pub fn freeze_statistics(&mut self, frozen: bool) {
        self.frozen_statistics = frozen;
    }
}
