//! Copying the tensors of a file into a model, all or nothing.
//!
//! What does not fit is collected by name before anything is copied, so that a refused file leaves the model as it was.

use std::collections::HashSet;

use tch::Tensor;

use super::choose::{is_of_loss, is_unread};
use super::file::AVERAGE_PREFIX;
use super::{Scheme, TensorFile, WeightsError, fit};
use crate::Architecture;
use crate::model::Model;
use crate::names::tensor_name;
use crate::op::{Op, OpKind, Place};
use crate::plan::Plan;

/// Tensors that belong to a file of ours without being its weights: the optimizer's state, and averages.
const BESIDE_WEIGHTS: [&str; 2] = ["optimizer.", AVERAGE_PREFIX];
/// A count that torch keeps beside running statistics, and nothing reads.
pub(super) const UNREAD: &str = "num_batches_tracked";

/// The share of its layers by whose names a network is known: one of these.
const FEWEST_OF: usize = 10;

/// How the tensors of a file meet those of a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Whose names the file has.
    pub scheme: Scheme,
    /// Tensors that fit.
    pub loaded: usize,
    /// Tensors of the model, by the file's names, that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the model has no place for.
    pub unexpected: Vec<String>,
    /// Tensors of another shape: name, shape in the file, shape in the model.
    pub wrong_shape: Vec<(String, Vec<i64>, Vec<i64>)>,
    /// Classes of the file's classifier, where it is of another size than the model's and was left out.
    pub replaced_classifier: Option<i64>,
    /// Whether the file has no classifier, so that the model keeps its new one.
    pub has_no_classifier: bool,
    /// Input channels of the file and of the model, where they differ: the first convolution is fitted to the model's.
    pub fitted_channels: Option<(i64, i64)>,
}

/// A tensor of the model, and its name in the file.
struct Slot {
    key: String,
    /// Position in the plan.
    op: usize,
    place: Where,
}

#[derive(Clone, Copy)]
enum Where {
    Parameter(usize),
    Buffer(usize),
}

impl LoadReport {
    /// Whether every tensor fitted; a classifier that was replaced is no fault.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.wrong_shape.is_empty()
    }

    /// The faults, a line for each tensor.
    pub fn faults(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|name| format!("missing      {name}"));
        let unexpected = self.unexpected.iter().map(|name| format!("unexpected   {name}"));
        let wrong = |(name, file, model): &(String, Vec<i64>, Vec<i64>)| {
            format!("wrong shape  {name}: {file:?} in the file, {model:?} in the model")
        };
        missing.chain(unexpected).chain(self.wrong_shape.iter().map(wrong)).collect()
    }
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tensors loaded by {} names", self.loaded, self.scheme)?;
        if !self.is_complete() {
            write!(
                f,
                ", {} missing, {} unexpected, {} of the wrong shape",
                self.missing.len(),
                self.unexpected.len(),
                self.wrong_shape.len()
            )?;
        }
        if let Some((from, to)) = self.fitted_channels {
            let how = if to == 1 { "summed over" } else { "repeated from" };
            write!(f, "; its first convolution is {how} {from} input channels, for {to}")?;
        }
        match self.replaced_classifier {
            Some(classes) => write!(f, "; its classifier of {classes} classes is replaced by a new one"),
            None if self.has_no_classifier => write!(f, "; it has no classifier, so a new one is initialised"),
            None => Ok(()),
        }
    }
}

/// Whether everything must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strictness {
    /// Refuse a file that lacks a tensor, or has one more, or one of another shape; a classifier of another size is
    /// replaced, and one that is not there is new.
    Strict,
    /// Refuse a classifier of another size, or none, too: what is loaded is to be used as it is.
    Exact,
    /// Take what fits.
    Partial,
}

/// Copies weights and running statistics from `file` into `model`, which was planned from `architecture`.
///
/// # Errors
/// Where no naming scheme fits, or something does not fit and `strictness` forbids that: every tensor is named, and the
/// model is as it was.
pub fn load(
    model: &mut Model,
    architecture: &Architecture,
    file: &TensorFile,
    strictness: Strictness,
) -> Result<LoadReport, WeightsError> {
    let (scheme, layers) = naming(file, architecture, model.plan())?;
    let slots = slots(model, scheme, &layers);
    let mut report = compare(model, file, scheme, &slots);
    if strictness != Strictness::Exact {
        spare_classifier(model, &slots, &mut report);
    }
    if strictness != Strictness::Partial && !report.is_complete() {
        let way_out = fit::way_out(file, architecture, model.plan(), strictness);
        return Err(WeightsError::DoesNotFit { path: file.path.clone(), report: Box::new(report), way_out });
    }
    let mut fitting = Vec::new();
    for slot in &slots {
        let size = size_of(model, slot);
        match file.shape(&slot.key) {
            Some(shape) if same_tensor(shape, &size) => {
                fitting.push((slot.place, file.weights(&slot.key)?.f_view(size.as_slice())?));
            }
            Some(shape) if is_of_other_images(model.plan(), slot, shape, &size) => {
                fitting.push((slot.place, of_channels(&file.weights(&slot.key)?, size[1])?));
            }
            _ => {}
        }
    }
    tch::no_grad(|| {
        fitting.iter().try_for_each(|(place, from)| {
            let into = match *place {
                Where::Parameter(index) => &mut model.parameters_mut()[index].tensor,
                Where::Buffer(index) => &mut model.buffers_mut()[index].tensor,
            };
            into.f_copy_(from)
        })
    })?;
    report.loaded = fitting.len();
    Ok(report)
}

/// Whether a tensor is the weight of a convolution that reads images of other channels, and is the same otherwise.
fn is_of_other_images(plan: &Plan, slot: &Slot, shape: &[i64], size: &[i64]) -> bool {
    plan.ops[slot.op].reads_image() && differ_in_columns(shape, size)
}

/// The weight of a first convolution for so many input channels, as timm's `adapt_input_conv` makes it: summed over the
/// channels for one, else the channels over and over, scaled to the same sum.
fn of_channels(weight: &Tensor, channels: i64) -> Result<Tensor, tch::TchError> {
    let own = weight.size()[1];
    if channels == 1 {
        return weight.f_sum_dim_intlist([1i64].as_slice(), true, None::<tch::Kind>);
    }
    let repeated = weight.f_repeat([1, (channels + own - 1) / own, 1, 1])?;
    repeated.f_narrow(1, 0, channels)?.f_mul_scalar(own as f64 / channels as f64)
}

/// Channels of the images that the network in `file` reads, by the names it has; nothing where it names no convolution of
/// theirs.
pub fn in_channels_of(file: &TensorFile, architecture: &Architecture, plan: &Plan) -> Option<u32> {
    let first = plan.ops.iter().position(Op::reads_image)?;
    let (_, layers) = naming(file, architecture, plan).ok()?;
    let shape = file.shape(&format!("{}.weight", layers[first]))?;
    (shape.len() == 4).then(|| u32::try_from(shape[1]).ok())?
}

/// Number of classes in `file`, by the names it has; nothing where it has none.
pub fn classes_of(file: &TensorFile, architecture: &Architecture, plan: &Plan) -> Option<u32> {
    let classifier = plan.ops.iter().rposition(Op::is_linear)?;
    let (_, layers) = naming(file, architecture, plan).ok()?;
    let rows = *file.shape(&format!("{}.weight", layers[classifier]))?.first()?;
    u32::try_from(rows).ok()
}

/// The scheme that names most layers of `plan` in `file`.
///
/// # Errors
/// Where none names any.
pub fn detect(file: &TensorFile, architecture: &Architecture, plan: &Plan) -> Result<Scheme, WeightsError> {
    naming(file, architecture, plan).map(|(scheme, _)| scheme)
}

/// The scheme and its spelling that name most layers of `plan` in `file`.
fn naming(file: &TensorFile, architecture: &Architecture, plan: &Plan) -> Result<(Scheme, Vec<String>), WeightsError> {
    let known = |layers: &[String]| {
        layers.iter().filter(|layer| !layer.is_empty() && file.shape(&format!("{layer}.weight")).is_some()).count()
    };
    let spellings = Scheme::ALL.into_iter().flat_map(|scheme| {
        let spellings = scheme.spellings(architecture, plan).into_iter();
        spellings.map(move |layers| (known(&layers), scheme, layers))
    });
    let spellings: Vec<_> = spellings.collect();
    // `max_by_key` takes the last of equals; the first is the more usual.
    match spellings.into_iter().rev().max_by_key(|(known, ..)| *known) {
        // A few names such as `conv1` are everybody's.
        Some((known, scheme, layers)) if known * FEWEST_OF > layers.iter().filter(|name| !name.is_empty()).count() => {
            Ok((scheme, layers))
        }
        _ => Err(WeightsError::UnknownNames { path: file.path.clone(), found: fit::found(file) }),
    }
}

/// The model's tensors, whose layers have these names, in the order of torch's state dicts.
fn slots(model: &Model, scheme: Scheme, layers: &[String]) -> Vec<Slot> {
    let key = |op: usize, name: &str| {
        let word = name.rsplit('.').next().unwrap_or_default();
        tensor_name(scheme, &model.plan().ops[op], &layers[op], word)
    };
    let parameters = model.parameters().iter().enumerate().map(|(index, parameter)| {
        (
            parameter.op,
            Slot { key: key(parameter.op, &parameter.name), op: parameter.op, place: Where::Parameter(index) },
        )
    });
    let buffers = model.buffers().iter().enumerate().map(|(index, buffer)| {
        (buffer.op, Slot { key: key(buffer.op, &buffer.name), op: buffer.op, place: Where::Buffer(index) })
    });
    let mut slots: Vec<(usize, Slot)> = parameters.chain(buffers).collect();
    slots.sort_by_key(|(op, _)| *op);
    slots.into_iter().map(|(_, slot)| slot).collect()
}

fn compare(model: &Model, file: &TensorFile, scheme: Scheme, slots: &[Slot]) -> LoadReport {
    let mut report = LoadReport {
        scheme,
        loaded: 0,
        missing: Vec::new(),
        unexpected: Vec::new(),
        wrong_shape: Vec::new(),
        replaced_classifier: None,
        has_no_classifier: false,
        fitted_channels: None,
    };
    for slot in slots {
        let size = size_of(model, slot);
        match file.shape(&slot.key) {
            None => report.missing.push(slot.key.clone()),
            Some(shape) if same_tensor(shape, &size) => report.loaded += 1,
            Some(shape) if is_of_other_images(model.plan(), slot, shape, &size) => {
                report.fitted_channels = Some((shape[1], size[1]));
                report.loaded += 1;
            }
            Some(shape) => report.wrong_shape.push((slot.key.clone(), shape.to_vec(), size)),
        }
    }
    let known: HashSet<&str> = slots.iter().map(|slot| slot.key.as_str()).collect();
    let beside = |name: &str| {
        is_unread(name)
            || is_of_loss(name)
            || (scheme == Scheme::Zoo && BESIDE_WEIGHTS.iter().any(|prefix| name.starts_with(prefix)))
    };
    report.unexpected =
        file.names().filter(|name| !known.contains(name) && !beside(name)).map(str::to_string).collect();
    report
}

/// Takes a classifier that differs in its classes alone, or is not there at all, out of the faults.
fn spare_classifier(model: &Model, slots: &[Slot], report: &mut LoadReport) {
    let plan = model.plan();
    let is_classifier = |op: &Op| op.is_linear();
    let names: Vec<&str> =
        slots.iter().filter(|slot| is_classifier(&plan.ops[slot.op])).map(|slot| slot.key.as_str()).collect();
    let differs_in_rows = |(name, found, expected): &(String, Vec<i64>, Vec<i64>)| {
        names.contains(&name.as_str()) && found.len() == expected.len() && found[1..] == expected[1..]
    };
    let rows = report.wrong_shape.iter().filter(|fault| differs_in_rows(fault)).map(|(_, found, _)| found[0]);
    report.replaced_classifier = rows.max();
    report.wrong_shape.retain(|fault| !differs_in_rows(fault));
    // Whoever drops a classifier may drop all that stands behind the pooling.
    let is_top = |slot: &&Slot| plan.ops[slot.op].place == Place::Top;
    let top: HashSet<&str> = slots.iter().filter(is_top).map(|slot| slot.key.as_str()).collect();
    let missing = |name: &&str| report.missing.iter().any(|missing| missing == name);
    if !names.is_empty() && names.iter().all(missing) {
        report.has_no_classifier = true;
        report.missing.retain(|name| !top.contains(name.as_str()));
    }
}

fn size_of(model: &Model, slot: &Slot) -> Vec<i64> {
    match slot.place {
        Where::Parameter(index) => model.parameters()[index].tensor.size(),
        Where::Buffer(index) => model.buffers()[index].tensor.size(),
    }
}

/// Equal but for ones at the end: torchvision keeps a 1 x 1 convolution behind the pooling as a matrix.
pub(super) fn same_tensor(a: &[i64], b: &[i64]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long[..short.len()] == *short && long[short.len()..].iter().all(|size| *size == 1)
}

/// Whether two weights of convolutions differ in their input channels alone.
pub(super) fn differ_in_columns(a: &[i64], b: &[i64]) -> bool {
    a.len() == 4 && b.len() == 4 && a[0] == b[0] && a[2..] == b[2..] && a[1] != b[1] && a[1] > 0
}

/// The tensors of `model` under the names of `scheme`, in the order of torch's state dicts, for a file that Python reads.
///
/// # Errors
/// Where the scheme has no names for the table.
pub fn named(
    model: &Model,
    architecture: &Architecture,
    scheme: Scheme,
) -> Result<Vec<(String, Tensor)>, WeightsError> {
    let layers = scheme.layers(architecture, model.plan());
    let layers = layers.ok_or_else(|| WeightsError::NoSuchNames { family: architecture.family.into(), scheme })?;
    let slots = slots(model, scheme, &layers);
    let matrices = scheme.matrices(architecture, model.plan());
    let mut tensors = Vec::new();
    for slot in &slots {
        let tensor = match slot.place {
            Where::Parameter(index) => &model.parameters()[index].tensor,
            Where::Buffer(index) => &model.buffers()[index].tensor,
        };
        let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?;
        let tensor = match model.plan().ops[slot.op].kind {
            OpKind::Gain(_) if matrices[slot.op] => tensor.f_view([-1, 1, 1])?,
            _ if matrices[slot.op] && slot.key.ends_with(".weight") => tensor.f_flatten(1, -1)?,
            _ => tensor,
        };
        tensors.push((slot.key.clone(), tensor.f_contiguous()?));
        if scheme != Scheme::Zoo && slot.key.ends_with(".running_var") {
            let key = slot.key.replace("running_var", UNREAD);
            tensors.push((key, Tensor::f_zeros([0i64; 0].as_slice(), (tch::Kind::Int64, tch::Device::Cpu))?));
        }
    }
    Ok(tensors)
}
