//! Times one training step of MobileNetV2 at 32 px, batch 128: libtorch's operations against this crate's.
//!
//! `cargo run --release -p zoo-native --example step -- libtorch|native [STEPS]` prints the median step, the peak
//! resident memory and the page faults a step.

use std::time::Instant;

use tch::{Device, Kind, Tensor};
use zoo_native::depthwise::{Padding, depthwise_conv2d};
use zoo_native::gradient::take_grads;
use zoo_native::norm::{Activation, Norm, norm_activation};
use zoo_native::sgd::{Sgd, fused_sgd};

type Error = Box<dyn std::error::Error>;

const BATCH: i64 = 128;

/// Expansion, channels, repeats, stride: the paper's Table 2.
const STAGES: [(i64, i64, i64, i64); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// Convolution, norm, and an activation or none.
struct Layer {
    weight: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    stride: i64,
    groups: i64,
    activation: Activation,
}

impl Layer {
    fn new(from: i64, to: i64, kernel: i64, stride: i64, groups: i64, activation: Activation) -> Self {
        let options = (Kind::Float, Device::Cpu);
        let shape = [to, kernel, kernel, from / groups];
        let deviation = (2.0 / (kernel * kernel * to / groups) as f64).sqrt();
        let weight = (Tensor::randn(shape, options) * deviation).permute([0, 3, 1, 2]);
        Self {
            weight: weight.set_requires_grad(true),
            gamma: Tensor::ones([to], options).set_requires_grad(true),
            beta: Tensor::zeros([to], options).set_requires_grad(true),
            mean: Tensor::zeros([to], options),
            var: Tensor::ones([to], options),
            stride,
            groups,
            activation,
        }
    }

    fn forward(&self, x: &Tensor, residual: Option<&Tensor>, native: bool) -> Result<Tensor, Error> {
        let pad = (self.weight.size()[2] - 1) / 2;
        if !native {
            let y = x.f_conv2d(&self.weight, None::<Tensor>, self.stride, pad, 1, self.groups)?;
            let (mean, var) = (Some(&self.mean), Some(&self.var));
            let mut y = y.f_batch_norm(Some(&self.gamma), Some(&self.beta), mean, var, true, 0.1, 1e-5, true)?;
            if self.activation == Activation::Relu6 {
                y = y.f_relu6_()?;
            }
            return Ok(residual.map_or(y.shallow_clone(), |r| r + &y));
        }
        let y = if self.groups == 1 {
            x.f_conv2d(&self.weight, None::<Tensor>, self.stride, pad, 1, 1)?
        } else {
            depthwise_conv2d(x, &self.weight, self.stride, Padding::symmetric(pad))?
        };
        let running = Some((&self.mean, &self.var));
        let norm = Norm { weight: &self.gamma, bias: &self.beta, running, momentum: 0.1, eps: 1e-5 };
        Ok(norm_activation(&y, norm, true, self.activation, residual)?)
    }
}

/// Layers of a block, and whether its input is added to its output.
struct Block {
    layers: Vec<Layer>,
    skip: bool,
}

struct Network {
    blocks: Vec<Block>,
    classifier: Tensor,
    bias: Tensor,
}

impl Network {
    fn new() -> Self {
        let plain = |layer| Block { layers: vec![layer], skip: false };
        let mut blocks = vec![plain(Layer::new(3, 32, 3, 2, 1, Activation::Relu6))];
        let mut from = 32;
        for (t, to, repeats, stride) in STAGES {
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stride } else { 1 };
                let wide = from * t;
                let mut layers = Vec::new();
                if t > 1 {
                    layers.push(Layer::new(from, wide, 1, 1, 1, Activation::Relu6));
                }
                layers.push(Layer::new(wide, wide, 3, stride, wide, Activation::Relu6));
                layers.push(Layer::new(wide, to, 1, 1, 1, Activation::None));
                blocks.push(Block { layers, skip: stride == 1 && from == to });
                from = to;
            }
        }
        blocks.push(plain(Layer::new(from, 1280, 1, 1, 1, Activation::Relu6)));
        let options = (Kind::Float, Device::Cpu);
        let classifier = (Tensor::randn([10, 1280], options) * 0.01).set_requires_grad(true);
        Self { blocks, classifier, bias: Tensor::zeros([10], options).set_requires_grad(true) }
    }

    fn parameters(&self) -> Vec<&Tensor> {
        let layers = self.blocks.iter().flat_map(|block| &block.layers);
        let mut parameters: Vec<&Tensor> = layers.flat_map(|l| [&l.weight, &l.gamma, &l.beta]).collect();
        parameters.extend([&self.classifier, &self.bias]);
        parameters
    }

    fn forward(&self, x: &Tensor, native: bool) -> Result<Tensor, Error> {
        let mut x = x.shallow_clone();
        for block in &self.blocks {
            let input = x.shallow_clone();
            let last = block.layers.len() - 1;
            for (i, layer) in block.layers.iter().enumerate() {
                let residual = (block.skip && i == last).then_some(&input);
                x = layer.forward(&x, residual, native)?;
            }
        }
        let pooled = x.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1)?.f_dropout(0.2, true)?;
        Ok(pooled.f_linear(&self.classifier, Some(&self.bias))?)
    }
}

/// Value of a numeric field of /proc/self/status or a column of /proc/self/stat.
fn peak_resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn minor_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().nth(7).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let native = arguments.next().as_deref() == Some("native");
    let steps: usize = arguments.next().map_or(Ok(30), |n| n.parse())?;
    tch::manual_seed(1);
    let network = Network::new();
    let parameters = network.parameters();
    let buffers: Vec<Tensor> = parameters.iter().map(|p| p.zeros_like().detach()).collect();
    let settings = Sgd { lr: 0.1, momentum: 0.9, dampening: 0.0, weight_decay: 1e-4, nesterov: true };
    let images = Tensor::randn([BATCH, 32, 32, 3], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
    let labels = Tensor::randint(10, [BATCH], (Kind::Int64, Device::Cpu));

    let mut seconds = Vec::new();
    let warm_up = 5;
    let mut faults = 0;
    let mut loss_value = 0.0;
    for step in 0..warm_up + steps {
        if step == warm_up {
            faults = minor_faults();
        }
        let start = Instant::now();
        let loss = network.forward(&images, native)?.f_cross_entropy_loss(
            &labels,
            None::<Tensor>,
            tch::Reduction::Mean,
            -100,
            0.0,
        )?;
        loss.f_backward()?;
        let grads: Vec<Tensor> = take_grads(&parameters)?.into_iter().flatten().collect();
        fused_sgd(&parameters, &grads, &buffers, settings, step == 0)?;
        if step >= warm_up {
            seconds.push(start.elapsed().as_secs_f64());
        }
        loss_value = loss.double_value(&[]);
    }
    seconds.sort_by(f64::total_cmp);
    println!(
        "{} median {:.1} ms, p10 {:.1} ms, {:.0} img/s, peak {} MiB, {} faults a step, loss {loss_value:.4}",
        if native { "native  " } else { "libtorch" },
        seconds[steps / 2] * 1e3,
        seconds[steps / 10] * 1e3,
        BATCH as f64 / seconds[steps / 2],
        peak_resident_mib(),
        (minor_faults() - faults) / steps as u64,
    );
    Ok(())
}
