//! Initial values of parameters and running statistics, by the table's `init` word.

use tch::{Kind, Tensor};

use super::{Buffer, ModelError, ModelOptions, Parameter, Role, channels_last};
use crate::plan::{Init, Op, OpKind, Rules};

/// Outputs of the classifiers that the reference bound U(±1/√classes) was written for. Fewer keep that bound: with ten,
/// ±0.32 on over a thousand features starts at a loss of 4 to 9, where a guess has 2.3, and a short run never recovers.
const REFERENCE_CLASSES: i64 = 1000;

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
    let at = (options.kind, options.device);
    let (c_in, c_out) = (i64::from(op.input.c), i64::from(op.output.c));
    let mut keep = |suffix: &str, role: Role, tensor: Tensor| -> Result<(), ModelError> {
        let tensor = tensor.f_set_requires_grad(true)?;
        parameters.push(Parameter { name: format!("{name}.{suffix}"), role, op: index, tensor });
        Ok(())
    };
    match op.kind {
        OpKind::Conv { kernel, groups, bias, .. } => {
            let (kernel, groups) = (i64::from(kernel), i64::from(groups));
            let weight = Tensor::f_empty([c_out, c_in / groups, kernel, kernel], at)?;
            let weight = match rules.init {
                Init::FanOut => {
                    let fan_out = (kernel * kernel * c_out / groups) as f64;
                    normal(weight, (2.0 / fan_out).sqrt())?
                }
                Init::TruncatedNormal(std) => truncated_normal(weight, std)?,
            };
            let role = if op.is_depthwise() { Role::DepthwiseWeight } else { Role::Weight };
            keep("weight", role, channels_last(&weight)?)?;
            if bias {
                keep("bias", Role::Bias, Tensor::f_zeros([c_out], at)?)?;
            }
        }
        OpKind::Linear => {
            let weight = Tensor::f_empty([c_out, c_in], at)?;
            let weight = match rules.init {
                Init::FanOut => {
                    let bound = 1.0 / (c_out.max(REFERENCE_CLASSES) as f64).sqrt();
                    uniform(weight, bound)?
                }
                Init::TruncatedNormal(std) => truncated_normal(weight, std)?,
            };
            keep("weight", Role::Weight, weight)?;
            keep("bias", Role::Bias, Tensor::f_zeros([c_out], at)?)?;
        }
        OpKind::Norm => {
            keep("weight", Role::NormScale, Tensor::f_ones([c_in], at)?)?;
            keep("bias", Role::Bias, Tensor::f_zeros([c_in], at)?)?;
            let mut buffer =
                |suffix: &str, tensor| buffers.push(Buffer { name: format!("{name}.{suffix}"), op: index, tensor });
            buffer("running_mean", Tensor::f_zeros([c_in], at)?);
            buffer("running_var", Tensor::f_ones([c_in], at)?);
        }
        OpKind::Act(_) | OpKind::Pool | OpKind::Dropout { .. } | OpKind::Scale | OpKind::Add { .. } => {}
    }
    Ok(())
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
