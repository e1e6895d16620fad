//! What the processes of a run, its ranks, tell each other.
//!
//! Owns what they agree on and how: a run asks its [`Comm`] and never assumes that it is alone. Alone is one case of it, and
//! costs nothing. How the ranks find each other is in `join`, how one learns that another is gone in `watch`.

mod join;
mod watch;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor};
use zoo_native::comm::{Buckets, Group, NO_SHARED_MEMORY, Reducer, Seat, SynchronizedNorms, Way};

pub use join::{Asked, Backend, Identity};
use watch::Watch;

use super::TrainError;

/// Gradients that travel together. The first bucket is that of the classifier, which is ready first; of a network of 14 MB of
/// gradients, three more follow while its backward pass goes on.
const BUCKETS: Buckets = Buckets { first: 1 << 20, others: 4 << 20 };

/// A process among those of its run.
#[derive(Debug)]
pub struct Comm {
    seat: Seat,
    joined: Option<Joined>,
}

/// What there is where it is not alone. Fields are dropped in this order: groups before the store that they met at.
struct Joined {
    /// For gradients, in the order in which the backward pass has them.
    gradients: Group,
    /// For all that is agreed on between steps.
    words: Group,
    /// For the statistics of norms within a pass.
    norms: Option<(Group, SynchronizedNorms)>,
    backend: Backend,
    hosts: usize,
    watch: Watch,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").field("backend", &self.backend).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Comm {
    /// The only process of its run.
    pub fn alone() -> Comm {
        Comm { seat: Seat { rank: 0, size: 1 }, joined: None }
    }

    /// Number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.seat.rank
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.seat.size
    }

    /// Whether this process writes files and says how the run goes.
    pub fn is_first(&self) -> bool {
        self.seat.rank == 0
    }

    /// Whether there are others.
    pub fn is_shared(&self) -> bool {
        self.joined.is_some()
    }

    /// On how many machines they are.
    pub fn hosts(&self) -> usize {
        self.joined.as_ref().map_or(1, |joined| joined.hosts)
    }

    /// What carries their words; none for a process alone.
    pub fn backend(&self) -> Option<Backend> {
        self.joined.as_ref().map(|joined| joined.backend)
    }

    /// Whether batch norms have the statistics of all ranks' images.
    pub fn synchronizes_norms(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.norms.is_some())
    }

    /// The part of `count` things that is this process's: contiguous, together all of them, and of an even number of them but
    /// for the last one's, as images are mixed by two.
    pub fn share(&self, count: usize) -> std::ops::Range<usize> {
        self.share_of(self.seat.rank, count)
    }

    /// The same of another rank.
    pub fn share_of(&self, rank: usize, count: usize) -> std::ops::Range<usize> {
        let pairs = count.div_ceil(2);
        let bound = |rank: usize| (2 * (pairs * rank / self.seat.size)).min(count);
        bound(rank)..bound(rank + 1)
    }

    /// Puts sums over all ranks in place of `values`.
    ///
    /// # Errors
    /// Where a rank is gone; the sentence names it.
    pub fn sum(&self, values: &mut [f64]) -> Result<(), TrainError> {
        let Some(joined) = &self.joined else { return Ok(()) };
        let mut tensor = Tensor::f_from_slice(values)?;
        self.explained(joined.words.sum(&mut tensor))?;
        tensor.f_copy_data(values, values.len())?;
        Ok(())
    }

    /// Whether any rank says so.
    ///
    /// # Errors
    /// As for [`sum`](Comm::sum).
    pub fn any(&self, own: bool) -> Result<bool, TrainError> {
        if self.joined.is_none() {
            return Ok(own);
        }
        let mut votes = [f64::from(u8::from(own))];
        self.sum(&mut votes)?;
        Ok(votes[0] > 0.0)
    }

    /// What rank 0 finds, everywhere. Its error ends the others, too.
    ///
    /// # Errors
    /// What `find` says, and as for [`sum`](Comm::sum).
    pub fn first<T: Serialize + DeserializeOwned>(
        &self,
        find: impl FnOnce() -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let Some(joined) = &self.joined else { return find() };
        let words =
            |problem: serde_json::Error| TrainError::Meeting(format!("ranks cannot read each other: {problem}"));
        if self.is_first() {
            // The others learn of an error from the store, where whoever ends early leaves it.
            let found = find()?;
            let bytes = serde_json::to_vec(&found).map_err(words)?;
            let length = Tensor::f_from_slice(&[bytes.len() as i64])?;
            self.explained(joined.words.broadcast(&[&length]))?;
            self.explained(joined.words.broadcast(&[&Tensor::f_from_slice(&bytes)?]))?;
            return Ok(found);
        }
        let length = Tensor::f_zeros([1], (Kind::Int64, Device::Cpu))?;
        self.explained(joined.words.broadcast(&[&length]))?;
        let bytes = Tensor::f_zeros([length.f_int64_value(&[0])?], (Kind::Uint8, Device::Cpu))?;
        self.explained(joined.words.broadcast(&[&bytes]))?;
        serde_json::from_slice(&Vec::<u8>::try_from(&bytes)?).map_err(words)
    }

    /// Puts what rank 0 has in place of `tensors`.
    ///
    /// # Errors
    /// As for [`sum`](Comm::sum).
    pub fn broadcast(&self, tensors: &[&Tensor]) -> Result<(), TrainError> {
        match &self.joined {
            Some(joined) if !tensors.is_empty() => self.explained(joined.words.broadcast(tensors)),
            _ => Ok(()),
        }
    }

    /// Puts means over all ranks in place of `tensors`, which are of f32.
    ///
    /// # Errors
    /// As for [`sum`](Comm::sum).
    pub fn average(&self, tensors: &mut [&mut Tensor]) -> Result<(), TrainError> {
        let Some(joined) = self.joined.as_ref().filter(|_| !tensors.is_empty()) else { return Ok(()) };
        tch::no_grad(|| {
            let flat: Vec<Tensor> = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<_, _>>()?;
            let mut all = Tensor::f_cat(&flat, 0)?;
            self.explained(joined.words.sum(&mut all))?;
            let mean = all.f_div_scalar(self.seat.size as f64)?;
            let mut at = 0;
            for tensor in tensors {
                let (length, size) = (tensor.numel() as i64, tensor.size());
                tensor.f_copy_(&mean.f_narrow(0, at, length)?.f_reshape(size)?)?;
                at += length;
            }
            Ok(())
        })
    }

    /// What averages the gradients of `parameters` over all ranks; none for a process alone.
    ///
    /// # Errors
    /// Where the ranks' parameters differ.
    pub fn reducer(&self, parameters: &[&Tensor]) -> Result<Option<Reducer>, TrainError> {
        let Some(joined) = self.joined.as_ref().filter(|_| !parameters.is_empty()) else { return Ok(None) };
        let way = if joined.backend == Backend::SharedMemory { Way::SharedMemory } else { Way::Group };
        match Reducer::new(&joined.gradients, parameters, BUCKETS, way) {
            // All ranks hear of it at once: none of them is to blame.
            Err(error) if error.to_string().contains(NO_SHARED_MEMORY) => {
                Err(TrainError::Setting(format!("{error}: --backend gloo does without it")))
            }
            made => self.explained(made).map(Some),
        }
    }

    /// Refuses ranks that hold different numbers, by a hash of them.
    ///
    /// # Errors
    /// The first rank that differs.
    pub fn check_equal(&self, what: &str, hash: u64) -> Result<(), TrainError> {
        if self.joined.is_none() {
            return Ok(());
        }
        // Halves of a hash are exact in f64.
        let mut all = vec![0.0; 2 * self.seat.size];
        all[2 * self.seat.rank] = f64::from((hash >> 32) as u32);
        all[2 * self.seat.rank + 1] = f64::from(hash as u32);
        self.sum(&mut all)?;
        match all.chunks_exact(2).position(|other| other != &all[..2]) {
            None => Ok(()),
            Some(rank) => Err(TrainError::Meeting(format!(
                "rank {rank} has other {what} than rank 0: a machine computes differently, or its memory is faulty; the \
                 last checkpoint is from before that"
            ))),
        }
    }

    /// The error of a call that all ranks make, with the name of the one whose fault it is.
    pub(super) fn explained<T>(&self, outcome: zoo_native::Result<T>) -> Result<T, TrainError> {
        outcome.map_err(|error| self.explain(error.into()))
    }

    /// The same of an error that may have come from such a call within another.
    pub(super) fn explain(&self, error: TrainError) -> TrainError {
        match &self.joined {
            Some(joined) => joined.watch.explain(self.seat, error),
            None => error,
        }
    }

    /// Tells the others that this rank ends early, and why; waits for them where it ends as they do.
    pub fn leave(&self, outcome: Result<(), &TrainError>) {
        if let Some(joined) = &self.joined {
            joined.watch.leave(self.seat, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comm(rank: usize, size: usize) -> Comm {
        Comm { seat: Seat { rank, size }, joined: None }
    }

    #[test]
    fn shares_cover_a_batch_without_splitting_a_pair() {
        for count in 0..40 {
            for size in 1..6 {
                let shares: Vec<_> = (0..size).map(|rank| comm(rank, size).share(count)).collect();
                assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
                assert!(shares.iter().all(|share| share.start % 2 == 0 || share.is_empty()), "{shares:?}");
            }
        }
        assert_eq!((comm(0, 2).share(32), comm(1, 2).share(32), comm(3, 4).share(32)), (0..16, 16..32, 24..32));
    }

    #[test]
    fn a_process_alone_agrees_with_itself() -> Result<(), TrainError> {
        let alone = Comm::alone();
        let mut values = [1.5, 2.0];
        alone.sum(&mut values)?;
        assert_eq!((values, alone.any(true)?, alone.first(|| Ok(7))?), ([1.5, 2.0], true, 7));
        assert!(alone.is_first() && alone.backend().is_none() && alone.reducer(&[])?.is_none());
        Ok(())
    }
}
