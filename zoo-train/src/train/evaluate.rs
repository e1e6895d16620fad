//! Accuracy and loss on a labelled set.

use tch::{Kind, Reduction, Tensor};
use zoo_core::model::{Mode, Model};

use super::TrainError;
use super::loader::{Normalisation, in_order};
use crate::data::Images;

/// Images a batch. Larger ones are no faster on the CPU and cost memory.
const BATCH: usize = 250;

/// What an evaluation found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Images seen.
    pub images: u64,
    /// Percent whose class had the largest logit.
    pub top1: f64,
    /// Percent whose class was among the five largest; with fewer than five classes, all.
    pub top5: f64,
    /// Mean cross-entropy, without smoothing.
    pub loss: f64,
}

/// Evaluates `model` on `images`, telling `each_batch` how many it has seen; stops early where that returns false.
///
/// # Errors
/// Where libtorch refuses.
pub fn evaluate(
    model: &Model,
    images: &Images,
    normalisation: &Normalisation,
    mut each_batch: impl FnMut(usize) -> bool,
) -> Result<Evaluation, TrainError> {
    let (mut seen, mut first, mut among_five, mut loss) = (0usize, 0i64, 0i64, 0.0);
    for batch in in_order(images, normalisation, BATCH) {
        let (inputs, labels) = batch.tensors(model.plan().options.input_size, model.device())?;
        let (right, close, sum) = tch::no_grad(|| score(&model.forward(&inputs, Mode::Eval)?, &labels))?;
        seen += batch.len();
        first += right;
        among_five += close;
        loss += sum;
        if !each_batch(seen) {
            break;
        }
    }
    let images = seen.max(1) as f64;
    let percent = |count: i64| 100.0 * count as f64 / images;
    Ok(Evaluation { images: seen as u64, top1: percent(first), top5: percent(among_five), loss: loss / images })
}

fn score(logits: &Tensor, labels: &Tensor) -> Result<(i64, i64, f64), TrainError> {
    let loss = logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Sum, -100, 0.0)?;
    let (_, best) = logits.f_topk(5.min(logits.size()[1]), 1, true, true)?;
    let hits = best.f_eq_tensor(&labels.f_unsqueeze(1)?)?;
    let count = |hits: Tensor| hits.f_sum(Kind::Int64)?.f_int64_value(&[]);
    Ok((count(hits.f_narrow(1, 0, 1)?)?, count(hits)?, loss.f_double_value(&[])?))
}
