//! Steps of AdamW, RMSprop and LAMB against the same written out in f64, one number at a time.

use tch::{Device, Kind, Tensor};
use zoo_native::optimizer::{Adam, RmsProp, adamw, lamb, move_average, rmsprop};

const STEPS: u64 = 4;
const PENALTY: f64 = 0.05;

/// A vector, and a channels_last weight (permuted, so not contiguous).
fn parameters() -> Vec<Tensor> {
    tch::manual_seed(7);
    let options = (Kind::Float, Device::Cpu);
    vec![Tensor::randn([5], options), Tensor::randn([6, 3, 3, 4], options).permute([0, 3, 1, 2])]
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.contiguous().flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

/// Runs `ours` on tensors and `reference` on numbers (parameters, gradients, first and second state, step from 1), and
/// compares the parameters.
fn compare(
    second_from: [f64; 2],
    ours: impl Fn(&[Tensor], &[Tensor], &[Tensor], &[Tensor], u64),
    reference: impl Fn(&mut [f64], &[f64], &mut [f64], &mut [f64], u64),
) {
    let tensors = parameters();
    let state = second_from.map(|value| tensors.iter().map(|t| t.full_like(value)).collect::<Vec<_>>());
    let mut expected: Vec<Vec<f64>> = tensors.iter().map(numbers).collect();
    let mut kept = second_from.map(|value| expected.iter().map(|n| vec![value; n.len()]).collect::<Vec<_>>());
    for step in 1..=STEPS {
        // Of other strides than the weight: gradients are paired by index, not by address.
        let gradients: Vec<Tensor> = tensors.iter().map(|t| t.randn_like().contiguous()).collect();
        ours(&tensors, &gradients, &state[0], &state[1], step);
        for (index, own) in expected.iter_mut().enumerate() {
            let [first, second] = &mut kept;
            reference(own, &numbers(&gradients[index]), &mut first[index], &mut second[index], step);
        }
    }
    for (tensor, expected) in tensors.iter().zip(&expected) {
        let worst = numbers(tensor).iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-6, "{worst}");
    }
}

fn adam(step: u64) -> Adam {
    Adam { lr: 0.01, betas: (0.9, 0.99), eps: 1e-6, weight_decay: PENALTY, step }
}

/// Means with their bias taken out, and the direction.
fn direction(grad: f64, first: &mut f64, second: &mut f64, step: u64) -> f64 {
    *first = 0.9 * *first + 0.1 * grad;
    *second = 0.99 * *second + 0.01 * grad * grad;
    let corrected = |mean: f64, beta: f64| mean / (1.0 - beta.powi(step as i32));
    corrected(*first, 0.9) / (corrected(*second, 0.99).sqrt() + 1e-6)
}

#[test]
fn adamw_equals_its_formula() {
    compare(
        [0.0, 0.0],
        |p, g, first, second, step| adamw(p, g, first, second, adam(step)).unwrap(),
        |p, g, first, second, step| {
            for i in 0..p.len() {
                p[i] -= 0.01 * PENALTY * p[i];
                p[i] -= 0.01 * direction(g[i], &mut first[i], &mut second[i], step);
            }
        },
    );
}

#[test]
fn rmsprop_has_epsilon_inside_the_root_and_the_rate_inside_the_momentum() {
    compare(
        [1.0, 0.0],
        |p, g, square, buffer, step| {
            // The rate changes, so that it matters where it stands.
            let settings =
                RmsProp { lr: 0.01 * step as f64, alpha: 0.9, momentum: 0.8, eps: 1e-3, weight_decay: PENALTY };
            rmsprop(p, g, square, buffer, settings).unwrap();
        },
        |p, g, square, buffer, step| {
            for i in 0..p.len() {
                let grad = g[i] + PENALTY * p[i];
                square[i] = 0.9 * square[i] + 0.1 * grad * grad;
                buffer[i] = 0.8 * buffer[i] + 0.01 * step as f64 * grad / (square[i] + 1e-3).sqrt();
                p[i] -= buffer[i];
            }
        },
    );
}

#[test]
fn lamb_scales_each_tensor_by_its_trust_ratio() {
    compare(
        [0.0, 0.0],
        |p, g, first, second, step| lamb(p, g, first, second, adam(step)).unwrap(),
        |p, g, first, second, step| {
            let update: Vec<f64> =
                (0..p.len()).map(|i| direction(g[i], &mut first[i], &mut second[i], step) + PENALTY * p[i]).collect();
            let norm = |numbers: &[f64]| numbers.iter().map(|n| n * n).sum::<f64>().sqrt();
            let trust = norm(p) / norm(&update);
            p.iter_mut().zip(&update).for_each(|(p, u)| *p -= 0.01 * trust * u);
        },
    );
}

#[test]
fn lists_that_do_not_pair_up_are_errors() {
    let (param, other) =
        (Tensor::zeros([2], (Kind::Float, Device::Cpu)), Tensor::zeros([3], (Kind::Float, Device::Cpu)));
    let error = adamw(&[&param], &[&other], &[&param], &[&param], adam(1)).unwrap_err().to_string();
    assert!(error.contains("parameter 0 has shape [2]"), "{error}");
    assert!(lamb(&[&param], &[&param], &[&other], &[&param], adam(1)).is_err());
    assert!(adamw(&[&param], &[] as &[&Tensor], &[&param], &[&param], adam(1)).is_err());
    assert!(move_average(&[&param], &[] as &[&Tensor], 0.5).is_err());
}

#[test]
fn an_average_moves_by_its_share() {
    let (average, value) = (Tensor::from_slice(&[1f32, 2.0]), Tensor::from_slice(&[3f32, 2.0]));
    move_average(&[&average], &[&value], 0.25).unwrap();
    assert_eq!(Vec::<f32>::try_from(&average).unwrap(), [1.5, 2.0]);
}
