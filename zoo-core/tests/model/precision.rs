//! The fused kernels of f32 against libtorch's own operations in f64.

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{Options, Padding};

use super::{images, number, plan, take_turn};

const PADDINGS: [Padding; 2] = [Padding::Symmetric, Padding::Same];

struct Pass {
    logits: Tensor,
    gradients: Vec<Tensor>,
}

fn pass(model: &Model, images: &Tensor, labels: &Tensor) -> Pass {
    let logits = model.forward(images, Mode::Train).unwrap();
    logits.cross_entropy_for_logits(labels).backward();
    let gradients = model.parameters().iter().map(|parameter| parameter.tensor.grad().to_kind(Kind::Double)).collect();
    Pass { logits: logits.detach().to_kind(Kind::Double), gradients }
}

fn norm(tensor: &Tensor) -> f64 {
    number(&tensor.norm())
}

fn relative(a: &Tensor, b: &Tensor) -> f64 {
    norm(&(a - b)) / norm(b)
}

/// Where a unit stands within an f32's error of a kink of its activation, the two passes may take different sides; then a
/// gradient differs as much between two passes in f64 with weights 1e-7 apart. Smooth activations have no such limit.
const MODELS: [(&str, f64); 3] =
    [("mobilenet-v2-0.5", 3e-2), ("mobilenet-v3-large-0.5", 1e-3), ("efficientnet-b0", 1e-3)];

#[test]
fn training_in_f32_agrees_with_plain_operations_in_f64() {
    let _turn = take_turn();
    for ((name, most), padding) in MODELS.into_iter().flat_map(|model| PADDINGS.map(|padding| (model, padding))) {
        let plan = plan(name, |options| Options { padding, ..options });
        let mut fused = Model::new(plan.clone(), &ModelOptions::default()).unwrap();
        let mut exact = Model::new(plan, &ModelOptions { kind: Kind::Double, ..ModelOptions::default() }).unwrap();
        // A wide classifier: gradients of the body are then large beside what a unit at a kink contributes.
        for classifier in fused.parameters_mut().iter_mut().filter(|parameter| parameter.name == "top.linear.weight") {
            let _ = tch::no_grad(|| classifier.tensor.g_mul_scalar_(10.0));
        }
        for (from, to) in fused.parameters().iter().zip(exact.parameters_mut()) {
            assert_eq!(to.tensor.kind(), Kind::Double);
            tch::no_grad(|| to.tensor.copy_(&from.tensor));
        }
        let batch = images(32, 32, 4);
        let labels = Tensor::arange(32, (Kind::Int64, tch::Device::Cpu)).remainder(10);
        let (ours, theirs) = (pass(&fused, &batch, &labels), pass(&exact, &batch.to_kind(Kind::Double), &labels));
        let off = relative(&ours.logits, &theirs.logits);
        assert!(off < 1e-4, "{name}, {padding:?}: logits differ by {off:.1e}");
        // Shifts that the next norm takes out have a gradient of zero, and scales nearly so: a hundredth of the largest
        // gradient is the least that differences are measured by.
        let floor = 0.01 * theirs.gradients.iter().map(norm).fold(0.0, f64::max);
        for ((ours, theirs), parameter) in ours.gradients.iter().zip(&theirs.gradients).zip(fused.parameters()) {
            let scale = norm(theirs) + floor;
            let (length, value) = ((norm(ours) - norm(theirs)).abs() / scale, norm(&(ours - theirs)) / scale);
            let gradient = format!("{name}, {padding:?}: the gradient of {}", parameter.name);
            assert!(length < 1e-3, "{gradient} has a norm that differs by {length:.1e}");
            assert!(value < most, "{gradient} differs by {value:.1e}");
        }
        for (ours, theirs) in fused.buffers().iter().zip(exact.buffers()) {
            // Means behind a linear projection are zero but for rounding.
            let largest = |tensor: &Tensor| number(&tensor.abs().max());
            let off = largest(&(&ours.tensor - &theirs.tensor)) / (largest(&theirs.tensor) + 1e-2);
            assert!(off < 1e-4, "{name}, {padding:?}: {} differs by {off:.1e}", ours.name);
        }
    }
}
