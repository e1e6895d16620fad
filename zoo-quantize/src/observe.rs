//! What values a network has for the images of a calibration.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::range::Method;
use crate::{Network, QuantizeError};

/// Numbers of each value that are kept for percentiles and errors, of all images together. A percentile of 99.99 still has
/// six of them beyond it.
const KEPT: usize = 1 << 16;

/// What was seen of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The least number.
    pub low: f32,
    /// The greatest.
    pub high: f32,
    /// Some of the numbers, spread evenly over images and places; none where the method takes none.
    pub sample: Vec<f32>,
}

/// Values by name.
pub type Statistics = HashMap<String, Seen>;

/// Runs `images`, a batch after the other, and looks at all values.
///
/// # Errors
/// Where a value is no number, with the name of its layer, and where libtorch refuses.
pub fn observe(network: &Network, images: &[Tensor], method: Method) -> Result<Statistics, QuantizeError> {
    let total: i64 = images.iter().map(|batch| batch.size()[0]).sum();
    let mut seen = Statistics::new();
    for batch in images {
        // The share of this batch in what is kept.
        let keep = if method.wants_sample() { KEPT * batch.size()[0] as usize / total.max(1) as usize } else { 0 };
        let _ = network.run_watched(batch, &mut |name, value| {
            if value.kind() == Kind::Float {
                look(&mut seen, name, &value, keep)?;
            }
            Ok(value)
        })?;
    }
    Ok(seen)
}

fn look(seen: &mut Statistics, name: &str, value: &Tensor, keep: usize) -> Result<(), QuantizeError> {
    let (low, high) = value.f_aminmax(None, false)?;
    let (low, high) = (low.f_double_value(&[])? as f32, high.f_double_value(&[])? as f32);
    if !low.is_finite() || !high.is_finite() {
        return Err(QuantizeError::NotFinite { layer: name.into() });
    }
    let entry = seen.entry(name.into()).or_insert(Seen { low, high, sample: Vec::new() });
    (entry.low, entry.high) = (entry.low.min(low), entry.high.max(high));
    if keep > 0 {
        entry.sample.extend(sampled(value, keep)?);
    }
    Ok(())
}

/// So many numbers of `value`, evenly spread, with a stride that shares no factor with channels or rows.
fn sampled(value: &Tensor, keep: usize) -> Result<Vec<f32>, QuantizeError> {
    // As it lies in memory, so that nothing is copied.
    let flat = if value.dim() == 4 { value.f_permute([0, 2, 3, 1])? } else { value.shallow_clone() };
    let flat = flat.f_reshape([-1])?;
    let numbers = flat.size()[0];
    let stride = (numbers / keep as i64).max(1) | 1;
    let some = flat.f_slice(0, 0, numbers, stride)?.f_contiguous()?;
    Ok(Vec::<f32>::try_from(&some)?)
}
