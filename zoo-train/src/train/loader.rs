//! Batches: order, random crop and flip, normalisation, prepared ahead by worker threads.
//!
//! Owned memory travels by channel and tensors are made on the training thread, as tch's tensors want it. A batch is a
//! pure function of (seed, step): the number of workers changes nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tch::{Device, TchError, Tensor};

use super::random::{below, mix, permutation};
use crate::data::Images;

/// How images are normalised: byte to number, by channel.
#[derive(Clone, Debug)]
pub struct Normalisation {
    table: [[f32; 256]; 3],
}

impl Normalisation {
    /// From the mean and the deviation of each channel, pixels taken as 0 to 1.
    pub fn new(mean: [f32; 3], deviation: [f32; 3]) -> Normalisation {
        let number = |channel: usize, byte: usize| (byte as f32 / 255.0 - mean[channel]) / deviation[channel];
        Normalisation { table: std::array::from_fn(|channel| std::array::from_fn(|byte| number(channel, byte))) }
    }
}

/// Random changes to training images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augmentation {
    /// Black pixels put around an image before a crop of its own size is taken.
    pub crop_padding: usize,
    /// Whether every second image is mirrored.
    pub flip: bool,
}

/// Images and labels of one step, pixels innermost by channel.
#[derive(Debug)]
pub struct Batch {
    pixels: Vec<f32>,
    labels: Vec<i64>,
    side: usize,
}

impl Batch {
    /// Images as N x 3 x S x S in channels_last, resized to `input_size`, and labels.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn tensors(&self, input_size: u32, device: Device) -> Result<(Tensor, Tensor), TchError> {
        let (count, side) = (self.labels.len() as i64, self.side as i64);
        let images = Tensor::f_from_slice(&self.pixels)?
            .f_view([count, side, side, 3])?
            .f_permute([0, 3, 1, 2])?
            .f_to(device)?;
        let labels = Tensor::f_from_slice(&self.labels)?.f_to(device)?;
        Ok((resize(images, i64::from(input_size))?, labels))
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Bilinear, with antialiasing where it shrinks.
fn resize(images: Tensor, to: i64) -> Result<Tensor, TchError> {
    let from = images.size()[2];
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => Ok(images),
        std::cmp::Ordering::Greater => images.f_upsample_bilinear2d([to, to], false, None, None),
        std::cmp::Ordering::Less => images.f_internal_upsample_bilinear2d_aa([to, to], false, None, None),
    }
}

/// Everything that a batch is a function of, beside the step.
#[derive(Debug)]
pub struct Source {
    /// The images.
    pub images: Images,
    /// How bytes become numbers.
    pub normalisation: Normalisation,
    /// What is changed at random.
    pub augmentation: Augmentation,
    /// Images a step.
    pub batch_size: usize,
    /// Seed of the run.
    pub seed: u64,
}

impl Source {
    /// Whole batches in one pass; images left over come in another epoch's order.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.images.len() / self.batch_size.max(1)) as u64
    }

    /// The batch at `place` in the order of `epoch`.
    fn batch(&self, epoch: u64, order: &[u32], place: usize) -> Batch {
        let indices = &order[place * self.batch_size..(place + 1) * self.batch_size];
        let side = self.images.side;
        let size = 3 * side * side;
        let mut pixels = vec![0.0; indices.len() * size];
        for (index, into) in indices.iter().zip(pixels.chunks_exact_mut(size)) {
            self.augmented(epoch, *index as usize, into);
        }
        let labels = indices.iter().map(|index| i64::from(self.images.labels[*index as usize])).collect();
        Batch { pixels, labels, side }
    }

    fn augmented(&self, epoch: u64, index: usize, into: &mut [f32]) {
        let Augmentation { crop_padding, flip } = self.augmentation;
        let random = |what: u64| mix(&[self.seed, epoch, index as u64, what]);
        let shift = |what: u64| below(random(what), 2 * crop_padding + 1) as isize - crop_padding as isize;
        let mirrored = flip && random(2) >> 63 == 1;
        place(self.images.image(index), self.images.side, (shift(3), shift(4)), mirrored, &self.normalisation, into);
    }
}

/// Writes an image shifted by (down, right) pixels, black where nothing is, perhaps mirrored, normalised, with the
/// channels innermost.
fn place(
    image: &[u8],
    side: usize,
    shift: (isize, isize),
    mirrored: bool,
    normalisation: &Normalisation,
    into: &mut [f32],
) {
    let plane = side * side;
    for (y, row) in into.chunks_exact_mut(3 * side).enumerate() {
        let from_y = y.checked_add_signed(shift.0).filter(|y| *y < side);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let x = if mirrored { side - 1 - x } else { x };
            let from = from_y.zip(x.checked_add_signed(shift.1).filter(|x| *x < side));
            for (channel, value) in pixel.iter_mut().enumerate() {
                let byte = from.map_or(0, |(y, x)| image[channel * plane + y * side + x]);
                *value = normalisation.table[channel][usize::from(byte)];
            }
        }
    }
}

/// Batches for evaluation, in order, unchanged, the last one smaller.
pub fn in_order<'a>(
    images: &'a Images,
    normalisation: &'a Normalisation,
    batch_size: usize,
) -> impl Iterator<Item = Batch> + 'a {
    let size = 3 * images.side * images.side;
    (0..images.len()).step_by(batch_size.max(1)).map(move |first| {
        let range = first..(first + batch_size.max(1)).min(images.len());
        let mut pixels = vec![0.0; range.len() * size];
        for (index, into) in range.clone().zip(pixels.chunks_exact_mut(size)) {
            place(images.image(index), images.side, (0, 0), false, normalisation, into);
        }
        let labels = images.labels[range].iter().map(|label| i64::from(*label)).collect();
        Batch { pixels, labels, side: images.side }
    })
}

/// Worker threads that prepare the batches of the steps from `first` on, in turn.
#[derive(Debug)]
pub struct Loader {
    queues: Vec<Receiver<Batch>>,
    next: usize,
}

/// Batches each worker keeps ready.
const AHEAD: usize = 2;

impl Loader {
    /// Starts `workers` threads (at least one). They end when the loader is dropped.
    pub fn start(source: Arc<Source>, first: u64, workers: usize) -> Loader {
        let workers = workers.max(1);
        let queues = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(AHEAD);
                let source = Arc::clone(&source);
                thread::spawn(move || produce(&source, first + worker as u64, workers, &sender));
                receiver
            })
            .collect();
        Loader { queues, next: 0 }
    }

    /// The batch of the next step, or `None` where a worker died.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let batch = self.queues[self.next].recv().ok();
        self.next = (self.next + 1) % self.queues.len();
        batch
    }
}

fn produce(source: &Source, first: u64, stride: usize, queue: &SyncSender<Batch>) {
    let per_epoch = source.steps_per_epoch();
    if per_epoch == 0 {
        return;
    }
    let mut current = None;
    for step in (first..).step_by(stride) {
        let epoch = step / per_epoch;
        let order = match current.take() {
            Some((of, order)) if of == epoch => order,
            _ => permutation(source.seed, epoch, source.images.len()),
        };
        if queue.send(source.batch(epoch, &order, (step % per_epoch) as usize)).is_err() {
            return; // The loader is gone.
        }
        current = Some((epoch, order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(workers_seed: u64) -> Arc<Source> {
        let images = crate::data::synthetic::generate(1, 50, 1, 8, 10).train;
        Arc::new(Source {
            images,
            normalisation: Normalisation::new([0.5; 3], [0.25; 3]),
            augmentation: Augmentation { crop_padding: 2, flip: true },
            batch_size: 8,
            seed: workers_seed,
        })
    }

    fn first_batches(workers: usize, first: u64, count: usize) -> Vec<(Vec<f32>, Vec<i64>)> {
        let mut loader = Loader::start(source(9), first, workers);
        let batches = (0..count).filter_map(|_| loader.next_batch());
        batches.map(|batch| (batch.pixels, batch.labels)).collect()
    }

    #[test]
    fn batches_do_not_depend_on_workers_or_on_where_one_starts() {
        let alone = first_batches(1, 0, 14);
        assert_eq!(alone, first_batches(3, 0, 14));
        assert_eq!(alone[5..], first_batches(2, 5, 9)[..]);
    }

    #[test]
    fn a_shifted_image_is_black_where_nothing_was() {
        let normalisation = Normalisation::new([0.0; 3], [1.0; 3]);
        let image: Vec<u8> = [[255u8, 0, 0, 0], [0, 255, 0, 0], [0, 0, 0, 51]].concat();
        let mut out = [9.0; 12];
        place(&image, 2, (0, 0), false, &normalisation, &mut out);
        assert_eq!(out, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2]);
        place(&image, 2, (0, 0), true, &normalisation, &mut out);
        assert_eq!(out[..6], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        place(&image, 2, (1, 1), false, &normalisation, &mut out);
        assert_eq!(out, [0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn evaluation_sees_every_image_once() {
        let images = crate::data::synthetic::generate(1, 1, 11, 4, 10).test;
        let normalisation = Normalisation::new([0.5; 3], [0.5; 3]);
        let sizes: Vec<usize> = in_order(&images, &normalisation, 4).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [4, 4, 3]);
    }
}
