//! Which maps our own kernels run on. That they compute what libtorch computes would hold of libtorch itself, too.

use tch::{Device, Kind, Tensor};
use zoo_native::dense::dense_conv2d;
use zoo_native::depthwise::{Padding, depthwise_conv2d};
use zoo_native::norm::{Activation, Norm, norm_activation};
use zoo_native::precision::Autocast;
use zoo_native::profile::Profile;

const AT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Nodes of ours that a backward pass through `forward` goes through, of a map with 8 channels.
fn nodes(contiguous: bool, forward: impl Fn(&Tensor) -> Tensor) -> Vec<String> {
    let map = Tensor::randn([2, 5, 6, 8], AT).permute([0, 3, 1, 2]);
    let map = if contiguous { map.contiguous() } else { map };
    let x = map.set_requires_grad(true);
    let profile = Profile::start().unwrap();
    forward(&x).sum(Kind::Float).backward();
    let names = profile.stop().unwrap().into_iter().filter(|record| record.backward > 0.0).map(|record| record.name);
    names.filter(|name| name.contains("CppNode")).collect()
}

fn dense(x: &Tensor, kernel: i64, stride: i64) -> Tensor {
    let weight = Tensor::randn([4, 8, kernel, kernel], AT).set_requires_grad(true);
    dense_conv2d(x, &weight, None, stride, Padding::symmetric(kernel / 2)).unwrap()
}

fn depthwise(x: &Tensor) -> Tensor {
    let weight = Tensor::randn([8, 1, 3, 3], AT).set_requires_grad(true);
    depthwise_conv2d(x, &weight, 1, Padding::symmetric(1)).unwrap()
}

fn norm(x: &Tensor) -> Tensor {
    let (weight, bias) = (Tensor::ones([8], AT).set_requires_grad(true), Tensor::zeros([8], AT));
    let norm = Norm { weight: &weight, bias: &bias, running: None, momentum: 0.1, eps: 1e-5 };
    norm_activation(x, norm, true, Activation::Relu, None).unwrap()
}

#[test]
fn our_kernels_run_on_channels_last_maps_and_libtorchs_on_others() {
    let ours = |found: Vec<String>, node: &str| {
        assert!(found.len() == 1 && found[0].contains(node), "{node}: {found:?}");
    };
    ours(nodes(false, |x| dense(x, 1, 1)), "::Dense>");
    ours(nodes(false, depthwise), "::Depthwise>");
    ours(nodes(false, norm), "::NormActivation>");
    for (name, found) in [
        ("dense", nodes(true, |x| dense(x, 1, 1))),
        ("depthwise", nodes(true, depthwise)),
        ("norm", nodes(true, norm)),
        ("a wide kernel behind which the gradient goes on", nodes(false, |x| dense(x, 3, 1))),
        ("a stride", nodes(false, |x| dense(x, 1, 2))),
    ] {
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    let half = nodes(false, |x| {
        let _scope = Autocast::enter(true, Device::Cpu).unwrap();
        dense(x, 1, 1)
    });
    assert!(half.is_empty(), "autocast: {half:?}");
}
