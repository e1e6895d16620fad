//! Accuracy and loss on a labelled set.

use std::ops::Range;
use std::sync::Arc;

use tch::{Kind, Reduction, Tensor};
use zoo_core::model::{Backend, Deployed, Mode, Model, ModelError};
use zoo_engines::EngineError;

use super::TrainError;
use super::batch::{Batch, Input};
use super::comm::Comm;
use super::loader::{Batches, Loader, Worker};
use super::memory::{MayLackMemory, in_pieces};
use super::test_set::TestSet;
use zoo_data::DataError;

/// What an evaluation found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Images seen; those that were skipped are not.
    pub images: u64,
    /// Percent whose class had the largest logit.
    pub top1: f64,
    /// Percent whose class was among the five largest; with fewer than five classes, all.
    pub top5: f64,
    /// Percent whose class had the largest logit among those of the data set, where the network knows others, too.
    pub top1_subset: Option<f64>,
    /// Mean cross-entropy, without smoothing.
    pub loss: f64,
}

/// Which logit stands for which class of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The network has the data set's classes, in their order.
    InOrder,
    /// The network has more: the logit of each class of the data set.
    Among(Vec<i64>),
}

/// Sums over the images seen.
#[derive(Default)]
struct Sums {
    images: usize,
    first: i64,
    among_five: i64,
    first_of_subset: i64,
    loss: f64,
}

/// How an evaluation goes.
#[derive(Clone, Copy, Debug)]
pub struct Protocol<'a> {
    /// The ranks that share the work: each evaluates every n-th batch, and counts are added up.
    pub comm: &'a Comm,
    /// Threads that prepare batches.
    pub workers: usize,
    /// Which logit stands for which class.
    pub answers: &'a Answers,
    /// Whether each image is also seen mirrored, and the logits averaged.
    pub mirrored: bool,
}

/// Evaluates `model` on `test`, telling `each_batch` how many images it has seen; where that returns false, in any rank, it
/// stops, and there is no result. Images that memory does not hold at once are computed in pieces, which
/// changes figures by rounding at most.
///
/// # Errors
/// Where libtorch refuses or an image cannot be read.
pub fn evaluate(
    model: &Model,
    test: &Arc<TestSet>,
    protocol: Protocol<'_>,
    each_batch: impl FnMut(usize) -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    // About three times as fast on the CPU as the network that trains; logits differ by rounding (results/latency.csv).
    let deployed = model.deploy(Backend::Native)?;
    count(logits_of(model, &deployed, protocol.mirrored), test, protocol, each_batch)
}

/// What gives the logits and labels of a piece of a batch, by `model` as it is deployed.
pub(super) fn logits_of<'a>(
    model: &'a Model,
    deployed: &'a Deployed,
    mirrored: bool,
) -> impl Fn(&Batch, Range<usize>) -> Result<(Tensor, Tensor), ModelError> + 'a {
    move |batch, piece| match batch.is_of_features() {
        true => batch.classify(model, None, Mode::Eval, piece),
        false => batch.evaluate(Input::of(model), |images| deployed.forward(images), mirrored, piece),
    }
}

/// The same of a network that takes `input` and gives its logits by `forward`.
///
/// # Errors
/// As [`evaluate`], and where `forward` refuses.
pub fn evaluate_by(
    input: Input,
    forward: impl Fn(&Tensor) -> Result<Tensor, EngineError>,
    test: &Arc<TestSet>,
    protocol: Protocol<'_>,
    each_batch: impl FnMut(usize) -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    let compute = |batch: &Batch, piece: Range<usize>| batch.evaluate(input, &forward, protocol.mirrored, piece);
    count(compute, test, protocol, each_batch)
}

/// Counts what `compute` gives, logits and labels of a piece of a batch.
fn count<F: MayLackMemory>(
    compute: impl Fn(&Batch, Range<usize>) -> Result<(Tensor, Tensor), F>,
    test: &Arc<TestSet>,
    protocol: Protocol<'_>,
    mut each_batch: impl FnMut(usize) -> bool,
) -> Result<Option<Evaluation>, TrainError>
where
    TrainError: From<F>,
{
    let Protocol { comm, workers, answers, .. } = protocol;
    let (first, every) = (comm.rank() as u64, comm.size() as u64);
    let mut loader = Loader::start(Arc::new(EveryNth { test: Arc::clone(test), first, every }), 0, workers);
    let (mut sums, mut piece, mut stops) = (Sums::default(), usize::MAX, false);
    for _ in (first..test.batches()).step_by(comm.size()) {
        let batch = loader.next_batch()?;
        if batch.is_empty() {
            continue; // All of its images were skipped.
        }
        let compute = |piece| tch::no_grad(|| compute(&batch, piece));
        in_pieces(batch.len(), &mut piece, compute, |(logits, labels)| sums.add(&logits, &labels, answers))?;
        if !each_batch(sums.images) {
            stops = true;
            break;
        }
    }
    let stops = sums.over_all(comm, stops)?;
    if stops {
        return Ok(None);
    }
    if sums.images == 0 && !test.is_empty() {
        let last = test.split.skipped().pop().unwrap_or_default();
        return Err(DataError::AllBad { images: test.len(), last }.into());
    }
    let images = sums.images.max(1) as f64;
    let percent = |count: i64| 100.0 * count as f64 / images;
    Ok(Some(Evaluation {
        images: sums.images as u64,
        top1: percent(sums.first),
        top5: percent(sums.among_five),
        top1_subset: matches!(answers, Answers::Among(_)).then(|| percent(sums.first_of_subset)),
        loss: sums.loss / images,
    }))
}

/// Every n-th batch of a test set.
struct EveryNth {
    test: Arc<TestSet>,
    first: u64,
    every: u64,
}

impl Batches for EveryNth {
    fn batch(&self, number: u64, worker: &mut Worker) -> Option<Result<Batch, DataError>> {
        self.test.batch(self.first + number * self.every, worker)
    }
}

impl Sums {
    /// Adds up those of all ranks, and whether any of them stops. Counts are exact: a float has 53 bits.
    fn over_all(&mut self, comm: &Comm, stops: bool) -> Result<bool, TrainError> {
        if !comm.is_shared() {
            return Ok(stops);
        }
        let Sums { images, first, among_five, first_of_subset, loss } = self;
        let stops = f64::from(u8::from(stops));
        let mut all = [*images as f64, *first as f64, *among_five as f64, *first_of_subset as f64, *loss, stops];
        comm.sum(&mut all)?;
        let [images, first, among_five, first_of_subset, loss, stops] = all;
        *self = Sums {
            images: images as usize,
            first: first as i64,
            among_five: among_five as i64,
            first_of_subset: first_of_subset as i64,
            loss,
        };
        Ok(stops > 0.0)
    }

    fn add(&mut self, logits: &Tensor, labels: &Tensor, answers: &Answers) -> Result<(), TrainError> {
        let count = |hits: Tensor| hits.f_sum(Kind::Int64)?.f_int64_value(&[]);
        self.images += labels.numel();
        let labels = match answers {
            Answers::InOrder => labels.shallow_clone(),
            Answers::Among(places) => {
                let places = Tensor::f_from_slice(places)?.f_to(logits.device())?;
                let best = logits.f_index_select(1, &places)?.f_argmax(1, false)?;
                self.first_of_subset += count(best.f_eq_tensor(labels)?)?;
                places.f_index_select(0, labels)?
            }
        };
        let loss = logits.f_cross_entropy_loss(&labels, None::<Tensor>, Reduction::Sum, -100, 0.0)?;
        let (_, best) = logits.f_topk(5.min(logits.size()[1]), 1, true, true)?;
        let hits = best.f_eq_tensor(&labels.f_unsqueeze(1)?)?;
        self.first += count(hits.f_narrow(1, 0, 1)?)?;
        self.among_five += count(hits)?;
        self.loss += loss.f_double_value(&[])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_scored_among_all_logits_and_among_its_own() -> Result<(), TrainError> {
        // Classes 0 and 1 of the data set are logits 4 and 2 of six.
        let answers = Answers::Among(vec![4, 2]);
        let logits = Tensor::from_slice2(&[[9.0f32, 0.0, 1.0, 0.0, 5.0, 0.0], [0.0, 0.0, 7.0, 0.0, 1.0, 0.0]]);
        let mut sums = Sums::default();
        sums.add(&logits, &Tensor::from_slice(&[0i64, 1]), &answers)?;
        assert_eq!((sums.images, sums.first, sums.first_of_subset, sums.among_five), (2, 1, 2, 2));
        Ok(())
    }
}
