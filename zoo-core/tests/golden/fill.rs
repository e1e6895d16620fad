//! Weights and images by a formula: the twin of `unit`, `put` and `images` in `scripts/golden.py`.

use tch::{Kind, Tensor};
use zoo_core::model::Model;
use zoo_core::{Op, OpKind};

use super::places::Places;

/// Images are tensors beyond those of any network.
const FIRST_IMAGE: u64 = 1 << 20;

/// A number in [-1, 1) for an element of a tensor: splitmix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195)
/// with tensor and element as its counter, its upper 53 bits as a fraction.
pub fn unit(tensor: u64, element: u64) -> f64 {
    let counter = (tensor << 32) + element + 1;
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let z = z ^ (z >> 31);
    (z >> 11) as f64 * f64::EPSILON - 1.0
}

/// Sets every tensor by its place. `gains` has a number for each batch norm and for each convolution and linear layer with
/// a bias, by the place of its weight.
pub fn fill(model: &Model, gains: &[f64], places: &Places) {
    let mut layers: Vec<Layer<'_>> = layers(model, places);
    layers.sort_by_key(|layer| layer.parameters[0].1);
    let mut gains = gains.iter();
    for Layer { op, parameters, buffers } in layers {
        let is_biased = parameters.len() > 1;
        let scales = match op.kind {
            OpKind::BatchNorm(_) => true,
            OpKind::Conv(_) | OpKind::Linear(_) => is_biased,
            OpKind::LayerNorm(_) | OpKind::Gain(_) => false,
            _ => panic!("no values for {}", op.name()),
        };
        let gain = if scales { *gains.next().expect("a gain for each batch norm and layer with a bias") } else { 1.0 };
        let has_weights = op.is_convolution() || op.is_linear();
        match parameters[0] {
            (weight, place) if has_weights => set_weights(weight, place, gain),
            (factor, place) => set(factor, place, |u| 1.0 + 0.25 * u),
        }
        for (bias, place) in &parameters[1..] {
            set(bias, *place, |u| if has_weights { 0.1 * u } else { 0.25 * u });
        }
        if let [(mean, mean_place), (variance, variance_place)] = buffers[..] {
            set(mean, mean_place, |u| 0.1 * u);
            set(variance, variance_place, |u| gain * (1.0 + 0.25 * u));
        }
    }
    assert_eq!(gains.len(), 0, "gains are left over: the library has more layers");
}

/// An operation with its tensors and their places, the weight first.
struct Layer<'a> {
    op: &'a Op,
    parameters: Vec<(&'a Tensor, u64)>,
    buffers: Vec<(&'a Tensor, u64)>,
}

fn layers<'a>(model: &'a Model, places: &Places) -> Vec<Layer<'a>> {
    let (mut parameters, mut buffers) = (
        model.parameters().iter().zip(&places.parameters).peekable(),
        model.buffers().iter().zip(&places.buffers).peekable(),
    );
    let mut layers = Vec::new();
    for (index, op) in model.plan().ops.iter().enumerate().filter(|(_, op)| op.has_tensors()) {
        let own = std::iter::from_fn(|| parameters.next_if(|(parameter, _)| parameter.op == index));
        let own = own.map(|(parameter, place)| (&parameter.tensor, *place)).collect();
        let statistics = std::iter::from_fn(|| buffers.next_if(|(buffer, _)| buffer.op == index));
        let statistics = statistics.map(|(buffer, place)| (&buffer.tensor, *place)).collect();
        layers.push(Layer { op, parameters: own, buffers: statistics });
    }
    layers
}

/// Weights that keep the variance of what comes in. Neighbours of a dense layer cancel: what all channels have in common,
/// as behind a ReLU, would otherwise grow from layer to layer until it hides the image.
fn set_weights(tensor: &Tensor, place: u64, gain: f64) {
    let shape = tensor.size();
    let fan_in = shape[1..].iter().product::<i64>() as f64;
    if shape[1] == 1 {
        let bound = (3.0 / fan_in).sqrt();
        set(tensor, place, |u| u * bound * gain);
    } else {
        let bound = (1.5 / fan_in).sqrt();
        write(tensor, |element| (unit(place, element) - unit(place, element ^ 1)) * bound * gain);
    }
}

fn set(tensor: &Tensor, place: u64, value: impl Fn(f64) -> f64) {
    write(tensor, |element| value(unit(place, element)));
}

/// Values of f32 also where the tensor is of f64, as on the other side.
fn write(tensor: &Tensor, value: impl Fn(u64) -> f64) {
    let values: Vec<f32> = (0..tensor.numel() as u64).map(|element| value(element) as f32).collect();
    let values = Tensor::from_slice(&values).view(tensor.size().as_slice());
    tch::no_grad(|| tensor.shallow_clone().copy_(&values));
}

/// Images of coarse patterns with noise.
pub fn images(count: u64, side: u64, kind: Kind) -> Tensor {
    let cell = side.div_ceil(4);
    let mut pixels = Vec::new();
    for image in 0..count {
        let first = FIRST_IMAGE + 3 * image;
        for (channel, row, column) in places(side) {
            let coarse = unit(first + 1, channel * 16 + row / cell * 4 + column / cell);
            let fine = unit(first + 2, (channel * side + row) * side + column);
            pixels.push((2.0 * unit(first, channel) + coarse + 0.5 * fine) as f32);
        }
    }
    let side = side as i64;
    Tensor::from_slice(&pixels).view([count as i64, 3, side, side]).to_kind(kind)
}

fn places(side: u64) -> impl Iterator<Item = (u64, u64, u64)> {
    (0..3).flat_map(move |c| (0..side).flat_map(move |row| (0..side).map(move |column| (c, row, column))))
}

#[test]
fn numbers_are_those_of_splitmix64() {
    // The first outputs of the reference implementation with seed 0.
    let bits = |element| ((unit(0, element) + 1.0) / f64::EPSILON) as u64;
    assert_eq!(bits(0), 0xe220_a839_7b1d_cdaf >> 11);
    assert_eq!(bits(1), 0x6e78_9e6a_a1b9_65f4 >> 11);
}
