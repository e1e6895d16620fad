//! Worker threads that prepare batches ahead.
//!
//! Owned memory travels by channel and tensors are made on the consumer's thread, as tch's tensors want it. A batch is a
//! pure function of its number: how many workers there are changes nothing. What is in a batch is
//! [`source`](super::source)'s affair.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::TrainError;
use super::batch::{Batch, Kind};
use zoo_data::DataError;
use zoo_data::image::Rgb;
use zoo_data::image::resize::Resizer;

/// Batches by number.
pub trait Batches: Send + Sync + 'static {
    /// The batch of that number, counted from 0, or `None` where there are no more.
    fn batch(&self, number: u64, worker: &mut Worker) -> Option<Result<Batch, DataError>>;
}

/// What a thread that prepares batches keeps from one to the next, so that it need not be made anew.
#[derive(Debug)]
pub struct Worker {
    /// An epoch, and the order of its images.
    pub(super) order: Option<(u64, Vec<u32>)>,
    /// A file.
    pub(super) file: Vec<u8>,
    /// What it shows.
    pub(super) picture: Rgb,
    /// That, resized.
    pub(super) raster: Vec<u8>,
    /// An earlier state of that, while it is changed.
    pub(super) copy: Vec<[u8; 3]>,
    /// What resizes.
    pub(super) resizer: Resizer,
    used: (Sender<Vec<f32>>, Receiver<Vec<f32>>),
}

impl Default for Worker {
    fn default() -> Worker {
        Worker {
            order: None,
            file: Vec::new(),
            picture: Rgb::default(),
            raster: Vec::new(),
            copy: Vec::new(),
            resizer: Resizer::default(),
            used: channel(),
        }
    }
}

impl Worker {
    /// A batch without labels yet, with room for so many images of any contents; if possible in the memory of one
    /// that was dropped, as new memory would have to be cleared and faulted in.
    pub(super) fn blank(&self, images: usize, kind: Kind) -> Batch {
        let mut pixels = self.used.1.try_recv().unwrap_or_default();
        pixels.resize(images * kind.numbers(), 0.0);
        let (labels, samples) = (Vec::with_capacity(images), Vec::new());
        Batch { pixels, samples, labels, mixed: None, kind, reuse: Some(self.used.0.clone()) }
    }
}

/// Worker threads that prepare batches from a number on, in turn.
#[derive(Debug)]
pub struct Loader {
    queues: Vec<Receiver<Result<Batch, DataError>>>,
    next: usize,
}

/// Batches each worker keeps ready.
const AHEAD: usize = 2;

impl Loader {
    /// Starts `workers` threads (at least one). They end when the loader is dropped.
    pub fn start(batches: Arc<dyn Batches>, first: u64, workers: usize) -> Loader {
        let workers = workers.max(1);
        let queues = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(AHEAD);
                let batches = Arc::clone(&batches);
                thread::spawn(move || produce(&*batches, first + worker as u64, workers, &sender));
                receiver
            })
            .collect();
        Loader { queues, next: 0 }
    }

    /// The next batch.
    ///
    /// # Errors
    /// Where an image cannot be read, where a worker died, or behind the last batch.
    pub fn next_batch(&mut self) -> Result<Batch, TrainError> {
        let batch = self.queues[self.next].recv().map_err(|_| TrainError::Loader)?;
        self.next = (self.next + 1) % self.queues.len();
        Ok(batch?)
    }
}

fn produce(batches: &dyn Batches, first: u64, stride: usize, queue: &SyncSender<Result<Batch, DataError>>) {
    let mut worker = Worker::default();
    for number in (first..).step_by(stride) {
        let Some(batch) = batches.batch(number, &mut worker) else { return };
        if queue.send(batch).is_err() {
            return; // The loader is gone.
        }
    }
}
