//! How much of its accuracy a quantised network has left, and which layers cost how much of it.

use std::collections::BTreeSet;

use tch::{Kind, Tensor};

use crate::{Made, Network, QuantizeError, Quantizer};

/// Labelled images that networks are judged by.
#[derive(Debug)]
pub struct Judge {
    batches: Vec<Labelled>,
    /// What the float network makes of each batch.
    reference: Vec<Tensor>,
    /// The score of the float network.
    pub float: Score,
}

/// A batch of prepared images.
#[derive(Debug)]
pub struct Labelled {
    /// N x C x H x W.
    pub images: Tensor,
    /// The logit of the class of each image.
    pub targets: Tensor,
}

/// How a network does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Images.
    pub images: i64,
    /// Percent whose class had the largest logit.
    pub top1: f64,
    /// Percent whose largest logit is that of the float network.
    pub agreement: f64,
    /// Logits of the float network against their differences from its own, in decibels. Infinite for the float network.
    pub signal_to_noise: f64,
}

/// A layer that alone is int8.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// Its name.
    pub layer: String,
    /// How the network does with it.
    pub score: Score,
    /// Percentage points of top-1 that it costs.
    pub drop: f64,
}

impl Judge {
    /// Lets the float network set the mark.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn new(batches: Vec<Labelled>, float: &Network) -> Result<Judge, QuantizeError> {
        let reference = batches.iter().map(|batch| float.run(&batch.images)).collect::<Result<_, _>>()?;
        let mut judge = Judge { batches, reference, float: Score::default() };
        judge.float = judge.compare(|at| Ok(judge.reference[at].shallow_clone()))?;
        Ok(judge)
    }

    /// Scores a network.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn score(&self, network: &Network) -> Result<Score, QuantizeError> {
        self.compare(|at| network.run(&self.batches[at].images))
    }

    /// The score of these logits of each batch.
    fn compare(&self, logits: impl Fn(usize) -> Result<Tensor, QuantizeError>) -> Result<Score, QuantizeError> {
        let (mut images, mut hits, mut agreed, mut signal, mut noise) = (0, 0, 0, 0.0, 0.0);
        let count = |equal: Tensor| equal.f_sum(Kind::Int64)?.f_int64_value(&[]);
        let power = |tensor: &Tensor| tensor.f_square()?.f_sum(Kind::Double)?.f_double_value(&[]);
        for (at, (batch, reference)) in self.batches.iter().zip(&self.reference).enumerate() {
            let (logits, Labelled { images: batch, targets }) = (logits(at)?, batch);
            let best = logits.f_argmax(1, false)?;
            images += batch.size()[0];
            hits += count(best.f_eq_tensor(targets)?)?;
            agreed += count(best.f_eq_tensor(&reference.f_argmax(1, false)?)?)?;
            signal += power(reference)?;
            noise += power(&logits.f_sub(reference)?)?;
        }
        let percent = |count: i64| 100.0 * count as f64 / images.max(1) as f64;
        let signal_to_noise = 10.0 * (signal / noise).log10();
        Ok(Score { images, top1: percent(hits), agreement: percent(agreed), signal_to_noise })
    }

    /// Percentage points of top-1 that `score` lacks.
    pub fn drop(&self, score: &Score) -> f64 {
        self.float.top1 - score.top1
    }
}

/// What each layer costs when it alone is int8, but for those that are `kept`; the costliest come first: those that add
/// most noise to the logits, as top-1 of some hundred images moves by chance. `each` is told after every layer, and ends it
/// by `false`.
///
/// # Errors
/// Where libtorch refuses.
pub fn sensitivity(
    quantizer: &Quantizer,
    judge: &Judge,
    kept: &BTreeSet<String>,
    each: &mut dyn FnMut(&Sensitivity) -> bool,
) -> Result<Vec<Sensitivity>, QuantizeError> {
    let all = quantizer.layers();
    let mut found = Vec::new();
    for layer in all.iter().filter(|layer| !kept.contains(*layer)) {
        let others = all.iter().filter(|other| *other != layer).cloned().collect();
        let score = judge.score(&quantizer.make(&others)?.network)?;
        let sensitivity = Sensitivity { layer: layer.clone(), score, drop: judge.drop(&score) };
        let goes_on = each(&sensitivity);
        found.push(sensitivity);
        if !goes_on {
            break;
        }
    }
    found.sort_by(|one, other| one.score.signal_to_noise.total_cmp(&other.score.signal_to_noise));
    Ok(found)
}

/// The network that loses at most `most` percentage points with as few layers in float as that takes, beside those that are
/// `kept`: the costliest ones of `order`, first to last. Where none does, the one with all of `order` but the last in float.
///
/// # Errors
/// Where libtorch refuses.
pub fn within(
    quantizer: &Quantizer,
    judge: &Judge,
    kept: &BTreeSet<String>,
    order: &[Sensitivity],
    most: f64,
) -> Result<(Made, Score), QuantizeError> {
    let with = |count: usize| {
        let some = order.iter().take(count).map(|sensitivity| sensitivity.layer.clone());
        let made = quantizer.make(&kept.iter().cloned().chain(some).collect())?;
        let score = judge.score(&made.network)?;
        Ok::<_, QuantizeError>((made, score))
    };
    let is_within = |score: &Score| judge.drop(score) <= most;
    let (mut fewest, mut enough) = (0, order.len().saturating_sub(1));
    let mut best = with(enough)?;
    // Accuracy grows with layers in float but for chance, so halving finds the first number that is enough.
    while fewest < enough && is_within(&best.1) {
        let middle = (fewest + enough) / 2;
        let found = with(middle)?;
        if is_within(&found.1) {
            (best, enough) = (found, middle);
        } else {
            fewest = middle + 1;
        }
    }
    Ok(best)
}
