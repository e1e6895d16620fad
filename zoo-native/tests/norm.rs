//! The fused norm and activation against libtorch's two operations in f64: values, statistics and every gradient.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor, no_grad};
use zoo_native::cpu::Simd;
use zoo_native::norm::{Activation, Norm, norm_activation};

const ACTIVATIONS: [Activation; 5] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Silu, Activation::HardSwish];

/// Batch, channels, height, width. Channel counts that are no multiple of a vector, maps of one pixel, and one large
/// enough to be cut into pieces whose last row is short.
const SHAPES: [[i64; 4]; 6] =
    [[2, 3, 1, 1], [5, 24, 2, 2], [3, 17, 5, 3], [4, 960, 1, 1], [7, 40, 9, 9], [33, 24, 33, 5]];

/// The random generator and the instruction level belong to the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

fn random(shape: &[i64], kind: Kind) -> Tensor {
    Tensor::randn(shape, (Kind::Double, Device::Cpu)).to_kind(kind)
}

/// All inputs of a layer.
struct Case {
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    residual: Option<Tensor>,
    upstream: Tensor,
}

impl Case {
    fn new(shape: [i64; 4], residual: bool) -> Self {
        tch::manual_seed(11);
        let c = [shape[1]];
        let map = || channels_last(&random(&shape, Kind::Float));
        let mut case = Self {
            x: map() * 2.0 + 0.5,
            // Wide enough to reach every branch of every activation.
            weight: random(&c, Kind::Float) * 2.0 + 1.0,
            bias: random(&c, Kind::Float) * 2.0,
            mean: random(&c, Kind::Float),
            var: random(&c, Kind::Float).abs() + 0.5,
            residual: residual.then(map),
            upstream: map(),
        };
        case.upstream = case.away_from_corners();
        case
    }

    /// The upstream gradient, zero where an activation's derivative jumps: there rounding alone decides its value.
    fn away_from_corners(&self) -> Tensor {
        let z = self.to_kind(Kind::Double).libtorch(true, Activation::None);
        let z = self.residual.as_ref().map_or(z.shallow_clone(), |r| &z - r);
        let mut upstream = self.upstream.shallow_clone();
        for corner in [-3.0, 0.0, 3.0, 6.0] {
            upstream = upstream.masked_fill(&(&z - corner).abs().lt(1e-4), 0.0);
        }
        upstream
    }

    fn to_kind(&self, kind: Kind) -> Self {
        let cast = |t: &Tensor| t.detach().to_kind(kind).copy();
        Self {
            x: cast(&self.x),
            weight: cast(&self.weight),
            bias: cast(&self.bias),
            mean: cast(&self.mean),
            var: cast(&self.var),
            residual: self.residual.as_ref().map(cast),
            upstream: cast(&self.upstream),
        }
    }

    fn norm(&self) -> Norm<'_> {
        let running = Some((&self.mean, &self.var));
        Norm { weight: &self.weight, bias: &self.bias, running, momentum: 0.1, eps: 1e-3 }
    }

    fn ours(&self, training: bool, activation: Activation) -> Tensor {
        norm_activation(&self.x, self.norm(), training, activation, self.residual.as_ref()).unwrap()
    }

    fn libtorch(&self, training: bool, activation: Activation) -> Tensor {
        let (mean, var) = (Some(&self.mean), Some(&self.var));
        let z = Tensor::batch_norm(&self.x, Some(&self.weight), Some(&self.bias), mean, var, training, 0.1, 1e-3, true);
        let y = match activation {
            Activation::None => z,
            Activation::Relu => z.relu(),
            Activation::Relu6 => z.relu6(),
            Activation::Silu => z.silu(),
            Activation::HardSwish => z.hardswish(),
        };
        self.residual.as_ref().map_or(y.shallow_clone(), |r| &y + r)
    }

    /// Output, running statistics, and the gradients of x, weight, bias and residual.
    fn run(mut self, forward: impl Fn(&Case) -> Tensor) -> Vec<(&'static str, Tensor)> {
        self.x = self.x.set_requires_grad(true);
        self.weight = self.weight.set_requires_grad(true);
        self.bias = self.bias.set_requires_grad(true);
        self.residual = self.residual.map(|r| r.set_requires_grad(true));
        let y = forward(&self);
        (&y * &self.upstream).sum(y.kind()).backward();
        let mut out = vec![
            ("output", y.detach()),
            ("running mean", self.mean),
            ("running variance", self.var),
            ("dx", self.x.grad()),
            ("dweight", self.weight.grad()),
            ("dbias", self.bias.grad()),
        ];
        out.extend(self.residual.map(|r| ("dresidual", r.grad())));
        out
    }
}

/// The largest difference relative to the largest magnitude.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    let scale = b.abs().max().double_value(&[]).max(1e-9);
    (a - b).abs().max().double_value(&[]) / scale
}

fn assert_equal(ours: Vec<(&str, Tensor)>, expected: Vec<(&str, Tensor)>, tolerance: f64, what: &str) {
    assert_eq!(ours.len(), expected.len());
    for ((name, ours), (_, expected)) in ours.into_iter().zip(expected) {
        let distance = distance(&ours, &expected);
        assert!(distance < tolerance, "{what}: {name} is off by {distance:.1e}");
    }
}

/// One test, not one a level: the level is the process's.
#[test]
fn training_equals_libtorch_in_f64_for_every_shape_activation_and_level() {
    let _alone = alone();
    for level in [Simd::Baseline, Simd::Avx2, Simd::Avx512] {
        level.select();
        for shape in SHAPES {
            for activation in ACTIVATIONS {
                for residual in [false, true] {
                    let case = Case::new(shape, residual);
                    let expected = case.to_kind(Kind::Double).run(|c| c.libtorch(true, activation));
                    let ours = case.to_kind(Kind::Float).run(|c| c.ours(true, activation));
                    // Two values a channel normalise to plus and minus one whatever they are: dx is what rounding left.
                    let tolerance = if shape[0] * shape[2] * shape[3] == 2 { 5e-4 } else { 1e-5 };
                    assert_equal(ours, expected, tolerance, &format!("{level:?} {shape:?} {activation:?}"));
                }
            }
        }
    }
    Simd::Avx512.select();
}

#[test]
fn statistics_hold_where_the_mean_is_large_against_the_deviation() {
    let _alone = alone();
    tch::manual_seed(3);
    let x = channels_last(&(random(&[16, 24, 12, 12], Kind::Float) + 10_000.0));
    let case = Case { x, residual: None, ..Case::new([16, 24, 12, 12], false) };
    let expected = case.to_kind(Kind::Double).run(|c| c.libtorch(true, Activation::Silu));
    let ours = case.to_kind(Kind::Float).run(|c| c.ours(true, Activation::Silu));
    // The mean itself is only known to 1e-3 / 2 in f32; sums of squares without a shift would be off by far more than 1.
    assert_equal(ours, expected, 2e-3, "mean 10,000");
}

#[test]
fn evaluation_equals_libtorch_with_and_without_gradients() {
    let _alone = alone();
    for shape in SHAPES {
        for activation in ACTIVATIONS {
            let case = Case::new(shape, true);
            let expected = case.to_kind(Kind::Double).libtorch(false, activation);
            let ours = no_grad(|| case.ours(false, activation));
            assert!(distance(&ours, &expected) < 1e-5, "{shape:?} {activation:?}");
            assert!(distance(&case.mean, &Case::new(shape, true).mean) == 0.0, "evaluation moved the statistics");
            let expected = case.to_kind(Kind::Double).run(|c| c.libtorch(false, activation));
            assert_equal(case.run(|c| c.ours(false, activation)), expected, 1e-5, "evaluation");
        }
    }
}

#[test]
fn other_layouts_and_types_fall_back_to_libtorch() {
    let _alone = alone();
    let case = Case::new([3, 8, 4, 4], false);
    let expected = case.to_kind(Kind::Double).run(|c| c.libtorch(true, Activation::HardSwish));
    assert_equal(case.to_kind(Kind::Double).run(|c| c.ours(true, Activation::HardSwish)), expected, 1e-12, "f64");
    let mut contiguous = case.to_kind(Kind::Float);
    contiguous.x = contiguous.x.contiguous();
    let expected = case.to_kind(Kind::Double).run(|c| c.libtorch(true, Activation::Relu6));
    assert_equal(contiguous.run(|c| c.ours(true, Activation::Relu6)), expected, 1e-5, "contiguous");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let _alone = alone();
    let run = |threads| {
        tch::set_num_threads(threads);
        Case::new([33, 24, 33, 5], true).run(|c| c.ours(true, Activation::Silu))
    };
    let (two, one) = (run(2), run(1));
    tch::set_num_threads(2);
    for ((name, a), (_, b)) in two.iter().zip(&one) {
        assert!(a.equal(b), "{name}");
    }
}

#[test]
fn a_nan_stays_visible() {
    let _alone = alone();
    for activation in ACTIVATIONS {
        let case = Case::new([2, 16, 2, 2], false);
        let _ = case.x.get(0).get(3).get(1).get(1).fill_(f64::NAN);
        let y = no_grad(|| case.ours(true, activation));
        assert!(y.select(1, 3).isnan().all().int64_value(&[]) == 1, "{activation:?}");
    }
}

#[test]
fn a_missing_half_of_what_belongs_together_is_an_error() {
    let _alone = alone();
    let case = Case::new([2, 4, 2, 2], false);
    let norm = Norm { running: None, ..case.norm() };
    let error = norm_activation(&case.x, norm, false, Activation::None, None).unwrap_err().to_string();
    assert!(error.contains("evaluation needs running statistics"), "{error}");
    assert!(norm_activation(&case.x, norm, true, Activation::None, None).is_ok());
    assert!(norm_activation(&case.weight, norm, true, Activation::None, None).is_err());
}
