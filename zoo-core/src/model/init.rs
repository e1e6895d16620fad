//! Initial values of parameters and running statistics, by the table's `init` word.

use tch::{Kind, Tensor};

use super::{Buffer, ModelError, ModelOptions, Parameter, channels_last};
use crate::op::{Fans, Op, Start, TensorSpec};
use crate::plan::{Draw, Init, Rules};

/// Makes the tensors of one operation and appends them.
pub(super) fn tensors_of(
    op: &Op,
    index: usize,
    rules: &Rules,
    options: &ModelOptions,
    parameters: &mut Vec<Parameter>,
    buffers: &mut Vec<Buffer>,
) -> Result<(), ModelError> {
    let name = op.name();
    for spec in op.parameters() {
        let tensor = started(&spec, rules.init, options)?.f_set_requires_grad(true)?;
        parameters.push(Parameter { name: format!("{name}.{}", spec.name), role: spec.role, op: index, tensor });
    }
    for spec in op.buffers() {
        let tensor = started(&spec, rules.init, options)?;
        buffers.push(Buffer { name: format!("{name}.{}", spec.name), op: index, tensor });
    }
    Ok(())
}

fn started(spec: &TensorSpec, init: Init, options: &ModelOptions) -> Result<Tensor, ModelError> {
    let at = (options.kind, options.device);
    let empty = || Tensor::f_empty(&spec.shape, at);
    let by = |fans: Fans| if fans.is_linear { init.linear } else { init.conv };
    match spec.start {
        Start::Constant(value) => Ok(Tensor::f_full(&spec.shape, value, at)?),
        Start::Bias(fans) if by(fans) == Draw::FanIn => uniform(empty()?, 1.0 / fans.inputs.sqrt()),
        Start::Bias(_) => Ok(Tensor::f_zeros(&spec.shape, at)?),
        Start::Weight(fans) => {
            let drawn = drawn(empty()?, by(fans), fans)?;
            if fans.is_linear { Ok(drawn) } else { Ok(channels_last(&drawn)?) }
        }
    }
}

fn drawn(empty: Tensor, draw: Draw, fans: Fans) -> Result<Tensor, ModelError> {
    match draw {
        Draw::FanOut(least) => {
            let fan = fans.outputs.max(least.into());
            if fans.is_linear { uniform(empty, 1.0 / fan.sqrt()) } else { normal(empty, (2.0 / fan).sqrt()) }
        }
        Draw::FanIn => uniform(empty, 1.0 / fans.inputs.sqrt()),
        Draw::Normal(std) => normal(empty, std),
        Draw::TruncatedNormal(std) => truncated_normal(empty, std),
    }
}

fn normal(mut tensor: Tensor, std: f64) -> Result<Tensor, ModelError> {
    Ok(tensor.f_normal_(0.0, std)?)
}

fn uniform(mut tensor: Tensor, bound: f64) -> Result<Tensor, ModelError> {
    Ok(tensor.f_uniform_(-bound, bound)?)
}

/// A normal cut at two deviations, by the inverse of its distribution function.
fn truncated_normal(tensor: Tensor, std: f64) -> Result<Tensor, ModelError> {
    // erf(2 / √2): the probability mass within two deviations.
    const WITHIN_TWO: f64 = 0.954_499_736_103_641_6;
    let kind = tensor.kind();
    let uniform = tensor.f_to_kind(Kind::Double)?.f_uniform_(-WITHIN_TWO, WITHIN_TWO)?;
    Ok(uniform.f_erfinv()?.f_mul_scalar(std * std::f64::consts::SQRT_2)?.f_to_kind(kind)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_normal_stays_within_two_deviations() -> Result<(), ModelError> {
        tch::manual_seed(1);
        let sample = truncated_normal(Tensor::empty([10_000], (Kind::Float, tch::Device::Cpu)), 0.09)?;
        assert!(sample.abs().max().double_value(&[]) <= 0.18);
        // The deviation of a normal cut at two of its own is 0.8796 of it.
        let deviation = sample.std(true).double_value(&[]);
        assert!((deviation / 0.09 - 0.8796).abs() < 0.02, "deviation {deviation}");
        Ok(())
    }
}
