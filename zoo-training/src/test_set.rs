//! The batches of evaluation, each a pure function of its number: images in order, unchanged but for what they are prepared
//! by.

use zoo_core::ImageSize;

use super::batch::{Batch, Kind};
use super::loader::{Batches, Worker};
use super::sample::place;
use zoo_data::normalisation::Normalisation;
use zoo_data::{DataError, Features, Images, Preprocessing, Split};

/// The batches of evaluation: in order, unchanged, the last one smaller.
#[derive(Debug)]
pub struct TestSet {
    /// The images.
    pub split: Split,
    /// What they go through; of images in memory, only the normalisation.
    pub preprocessing: Preprocessing,
    batch_size: usize,
    normalisation: Normalisation,
}

/// Images a batch. Larger ones are no faster on the CPU and cost memory.
const TEST_BATCH: usize = 250;
/// Numbers a batch, where that is less: 40 MB.
const TEST_NUMBERS: usize = 10 << 20;

impl TestSet {
    /// From the images and what they go through.
    pub fn new(split: Split, preprocessing: Preprocessing) -> TestSet {
        let numbers = match &split {
            Split::Features(_) => 0,
            // Images in memory are enlarged by the batch.
            Split::Memory(_) | Split::Files(_) => preprocessing.numbers(),
        };
        let batch_size = (TEST_NUMBERS / numbers.max(1)).clamp(1, TEST_BATCH);
        let normalisation = Normalisation::new(preprocessing.mean, preprocessing.std);
        TestSet { split, preprocessing, batch_size, normalisation }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// How many batches there are.
    pub fn batches(&self) -> u64 {
        self.len().div_ceil(self.batch_size) as u64
    }

    fn fill(&self, range: std::ops::Range<usize>, worker: &mut Worker) -> Result<Batch, DataError> {
        let files = match &self.split {
            Split::Memory(images) => return Ok(self.of_memory(images, range, worker)),
            Split::Features(features) => return Ok(stored(features, range, worker)),
            Split::Files(files) => files,
        };
        let size = self.preprocessing.numbers();
        let mut batch = worker.blank(range.len(), Kind::Images(self.preprocessing.crop));
        let Worker { file, picture, .. } = worker;
        for index in range {
            let at = batch.labels.len() * size;
            let seen = files.with(index, file, |encoded| {
                encoded.decode(picture)?;
                self.preprocessing.prepare(picture, &mut batch.pixels[at..at + size]);
                Ok(())
            })?;
            if seen.is_some() {
                batch.labels.push(i64::from(files.label(index)));
            }
        }
        batch.pixels.truncate(batch.labels.len() * size);
        Ok(batch)
    }

    fn of_memory(&self, images: &Images, range: std::ops::Range<usize>, worker: &Worker) -> Batch {
        let mut batch = worker.blank(range.len(), Kind::Images(ImageSize::square(images.side as u32)));
        let squares = batch.pixels.chunks_exact_mut(3 * images.side * images.side);
        for (index, into) in range.clone().zip(squares) {
            let number = |channel, byte| self.normalisation.number(channel, byte);
            place(images.image(index), images.side, (0, 0), false, number, into);
        }
        batch.labels.extend(images.labels[range].iter().map(|label| i64::from(*label)));
        batch
    }
}

impl Batches for TestSet {
    fn batch(&self, number: u64, worker: &mut Worker) -> Option<Result<Batch, DataError>> {
        let first = usize::try_from(number).ok()?.checked_mul(self.batch_size)?;
        let range = first..self.len().min(first.saturating_add(self.batch_size));
        (!range.is_empty()).then(|| self.fill(range, worker))
    }
}

fn stored(features: &Features, range: std::ops::Range<usize>, worker: &Worker) -> Batch {
    let mut batch = worker.blank(range.len(), Kind::Features(features.channels));
    let numbers = range.start * features.channels..range.end * features.channels;
    batch.pixels.copy_from_slice(&features.numbers[numbers]);
    batch.labels.extend(&features.labels[range]);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluation_sees_every_image_once() {
        let split = zoo_data::synthetic::generate(1, 1, 611, 4, 10).test;
        let preprocessing = Preprocessing { mean: [0.5; 3], std: [0.5; 3], ..Preprocessing::of_imagenet(8.into()) };
        let test = TestSet::new(split, preprocessing);
        let batches = (0..).map_while(|number| test.batch(number, &mut Worker::default()));
        let sizes: Vec<usize> = batches.map(|batch| batch.unwrap().len()).collect();
        assert_eq!((sizes.as_slice(), test.batches()), (&[250, 250, 111][..], 3));
    }
}
