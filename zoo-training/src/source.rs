//! What is in a batch: order, random crop and flip, normalisation.
//!
//! A training batch is a pure function of (seed, step); those of evaluation are [`test_set`](super::test_set)'s. Images in
//! memory are shifted over a black border and resized as tensors; files are decoded, and a random piece of each is resized.
//! All other random changes are those of [`augment`](super::augment).

use std::ops::Range;

use tch::{Device, TchError};
use zoo_core::ImageSize;

use super::augment::{Augmentation, erase::erase};
use super::batch::{Batch, Kind};
use super::crop::random_piece;
use super::loader::{Batches, Worker};
use super::random::{below, mix, permutation};
use super::resident::Resident;
use super::sample::{Sample, place};
use zoo_data::normalisation::Normalisation;
use zoo_data::{DataError, ImageFiles, Images, Preprocessing, Split};

/// The batches of training: everything that one is a function of, beside the step.
#[derive(Debug)]
pub struct Source {
    /// The images.
    pub split: Split,
    /// Side, mean, deviation and interpolation of what comes out; its resize and centre crop are for evaluation.
    pub preprocessing: Preprocessing,
    /// What is changed at random.
    pub augmentation: Augmentation,
    /// Images a step, over all ranks.
    pub batch_size: usize,
    /// The part of them that is this rank's.
    pub share: Range<usize>,
    /// Seed of the run.
    pub seed: u64,
    /// Whether batches only say which images they are, for a trainer that has them on its device.
    pub on_device: bool,
    normalisation: Normalisation,
}

impl Source {
    /// From all that a batch depends on.
    pub fn new(
        split: Split,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        batch_size: usize,
        seed: u64,
    ) -> Source {
        let normalisation = Normalisation::new(preprocessing.mean, preprocessing.std);
        let share = 0..batch_size;
        Source { split, preprocessing, augmentation, batch_size, share, seed, on_device: false, normalisation }
    }

    /// Whole batches in one pass; images left over come in another epoch's order.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.split.len() / self.batch_size.max(1)) as u64
    }

    /// Places in the training set of the images of a step.
    pub fn indices(&self, step: u64) -> Vec<u32> {
        let per_epoch = self.steps_per_epoch().max(1);
        let place = (step % per_epoch) as usize * self.batch_size;
        let order = permutation(self.seed, step / per_epoch, self.split.len());
        order.into_iter().skip(place).take(self.batch_size).collect()
    }

    fn random(&self, epoch: u64, index: usize, what: u64) -> u64 {
        mix(&[self.seed, epoch, index as u64, what])
    }

    fn mirrored(&self, epoch: u64, index: usize) -> bool {
        self.augmentation.flip.mirrors(epoch, |epoch| self.random(epoch, index, 2))
    }

    /// The images for a trainer that is to have them on its device.
    ///
    /// # Errors
    /// Where its memory lacks.
    pub fn resident(&self, device: Device) -> Result<Option<Resident>, TchError> {
        match &self.split {
            Split::Memory(images) if self.on_device => {
                let padding = self.augmentation.crop_padding;
                Resident::new(images, &self.normalisation, padding, device).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn sample(&self, epoch: u64, index: usize) -> Sample {
        let padding = self.augmentation.crop_padding;
        let shift = |what: u64| below(self.random(epoch, index, what), 2 * padding + 1) as isize - padding as isize;
        Sample { index, shift: (shift(3), shift(4)), mirrored: self.mirrored(epoch, index) }
    }

    fn samples(&self, images: &Images, epoch: u64, indices: &[u32], worker: &Worker) -> Batch {
        let mut batch = worker.blank(indices.len(), Kind::Samples);
        batch.samples.extend(indices.iter().map(|index| self.sample(epoch, *index as usize)));
        batch.labels.extend(indices.iter().map(|index| i64::from(images.labels[*index as usize])));
        batch
    }

    /// Writes image `index` of those in memory, and returns its label.
    fn of_memory(&self, images: &Images, epoch: u64, index: usize, worker: &mut Worker, into: &mut [f32]) -> i64 {
        let Sample { shift, mirrored, .. } = self.sample(epoch, index);
        let (image, side) = (images.image(index), images.side);
        let size = ImageSize::square(side as u32);
        if self.augmentation.changes_bytes() {
            let Worker { raster, copy, .. } = worker;
            raster.resize(3 * side * side, 0);
            place(image, side, shift, mirrored, |_, byte| byte, raster);
            self.augmentation.change_bytes(raster, side, self.random(epoch, index, 7), copy);
            self.normalisation.numbers(raster, into);
        } else {
            let number = |channel, byte| self.normalisation.number(channel, byte);
            place(image, side, shift, mirrored, number, into);
        }
        self.erase(epoch, index, size, into);
        i64::from(images.labels[index])
    }

    fn erase(&self, epoch: u64, index: usize, size: ImageSize, numbers: &mut [f32]) {
        if self.augmentation.erasing > 0.0 {
            let random = |what: u64| mix(&[self.random(epoch, index, 8), what]);
            erase(numbers, size, self.augmentation.erasing, random);
        }
    }

    /// Writes a piece of file `index`, or of the next one that is not bad, and returns its label.
    fn of_file(
        &self,
        files: &ImageFiles,
        epoch: u64,
        index: usize,
        worker: &mut Worker,
        into: &mut [f32],
    ) -> Result<i64, DataError> {
        let Worker { file, picture, raster, resizer, copy, .. } = worker;
        let Preprocessing { crop: size, interpolation, .. } = self.preprocessing;
        let row = 3 * size.width as usize;
        raster.resize(3 * size.pixels(), 0);
        for index in (index..files.len()).chain(0..index) {
            let drawn = files.with(index, file, |encoded| {
                let (width, height) = encoded.size();
                let random = |what: u64| mix(&[self.random(epoch, index, 6), what]);
                let piece = random_piece(width, height, self.augmentation.crop_scale, random);
                encoded.decode_rows(piece.top + piece.height, picture)?;
                resizer.piece(picture, piece, size, interpolation, raster);
                Ok(())
            })?;
            if drawn.is_some() {
                if self.mirrored(epoch, index) {
                    raster.chunks_exact_mut(row).for_each(mirror);
                }
                if self.augmentation.changes_bytes() {
                    self.augmentation.change_bytes(raster, size.width as usize, self.random(epoch, index, 7), copy);
                }
                self.normalisation.numbers(raster, into);
                self.erase(epoch, index, size, into);
                return Ok(i64::from(files.label(index)));
            }
        }
        let last = files.skipped().pop().unwrap_or_default();
        Err(DataError::AllBad { images: files.len(), last })
    }

    fn fill(&self, epoch: u64, indices: &[u32], worker: &mut Worker) -> Result<Batch, DataError> {
        if let (true, Split::Memory(images)) = (self.on_device, &self.split) {
            return Ok(self.samples(images, epoch, indices, worker));
        }
        let kind = match &self.split {
            Split::Memory(images) => Kind::Images(ImageSize::square(images.side as u32)),
            Split::Files(_) => Kind::Images(self.preprocessing.crop),
            Split::Features(features) => Kind::Features(features.channels),
        };
        let mut batch = worker.blank(indices.len(), kind);
        for (index, into) in indices.iter().zip(batch.pixels.chunks_exact_mut(kind.numbers())) {
            let index = *index as usize;
            batch.labels.push(match &self.split {
                Split::Memory(images) => self.of_memory(images, epoch, index, worker, into),
                Split::Files(files) => self.of_file(files, epoch, index, worker, into)?,
                Split::Features(features) => {
                    into.copy_from_slice(features.image(index));
                    features.labels[index]
                }
            });
        }
        Ok(batch)
    }

    fn mixed(&self, mut batch: Batch, step: u64) -> Batch {
        if let Kind::Images(size) = batch.kind {
            let random = |what: u64| mix(&[mix(&[self.seed, step, 9]), what]);
            batch.mixed = self.augmentation.mixing.mix(&mut batch.pixels, &batch.labels, size, random);
        }
        batch
    }
}

impl Batches for Source {
    fn batch(&self, step: u64, worker: &mut Worker) -> Option<Result<Batch, DataError>> {
        let per_epoch = self.steps_per_epoch();
        let (epoch, place) = (step.checked_div(per_epoch)?, (step % per_epoch) as usize);
        let order = match worker.order.take() {
            Some((of, order)) if of == epoch => order,
            _ => permutation(self.seed, epoch, self.split.len()),
        };
        let first = place * self.batch_size;
        let indices = &order[first + self.share.start..first + self.share.end];
        let batch = self.fill(epoch, indices, worker).map(|batch| self.mixed(batch, step));
        worker.order = Some((epoch, order));
        Some(batch)
    }
}

/// Mirrors a row of pixels of three bytes.
fn mirror(row: &mut [u8]) {
    let (pixels, _) = row.as_chunks_mut::<3>();
    pixels.reverse();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tch::Tensor;

    use super::*;
    use zoo_settings::flip::Flip;
    use zoo_settings::policy::Policy;

    use crate::augment::{Jitter, Mixed, Mixing};
    use crate::loader::Loader;

    fn preprocessing(mean: f32, deviation: f32) -> Preprocessing {
        Preprocessing { mean: [mean; 3], std: [deviation; 3], ..Preprocessing::of_imagenet(8.into()) }
    }

    fn source() -> Arc<Source> {
        let split = zoo_data::synthetic::generate(1, 50, 1, 8, 10).train;
        let crops = Augmentation { crop_padding: 2, flip: Flip::Random, ..Augmentation::default() };
        Arc::new(Source::new(split, preprocessing(0.5, 0.25), crops, 8, 9))
    }

    type Contents = (Vec<f32>, Vec<i64>, Option<Mixed>);

    fn batches(source: &Arc<Source>, workers: usize, first: u64, count: usize) -> Vec<Contents> {
        let mut loader = Loader::start(source.clone(), first, workers);
        let batches = (0..count).map(|_| loader.next_batch().unwrap());
        batches.map(|batch| (batch.pixels.clone(), batch.labels.clone(), batch.mixed.clone())).collect()
    }

    #[test]
    fn batches_do_not_depend_on_workers_or_on_where_one_starts() {
        for source in [source(), everything(source())] {
            let alone = batches(&source, 1, 0, 14);
            assert_eq!(alone, batches(&source, 3, 0, 14));
            assert_eq!(alone[5..], batches(&source, 2, 5, 9)[..]);
        }
    }

    /// With every change switched on.
    fn everything(source: Arc<Source>) -> Arc<Source> {
        let mut source = Arc::into_inner(source).unwrap();
        source.augmentation.policy = Policy::RandAugment { operations: 2, magnitude: 20 };
        source.augmentation.jitter = Jitter { strengths: [0.4, 0.4, 0.4] };
        source.augmentation.erasing = 0.5;
        source.augmentation.mixing = Mixing { mixup: 0.4, cutmix: 1.0 };
        Arc::new(source)
    }

    /// The 50 images in the order of the set, as they are in an epoch of that seed.
    fn images(augmentation: Augmentation, seed: u64, epoch: u64) -> Vec<Vec<f32>> {
        let mut source = Arc::into_inner(source()).unwrap();
        (source.augmentation, source.seed) = (augmentation, seed);
        let Split::Memory(images) = &source.split else { panic!("they are in memory") };
        let image = |index: usize| {
            let mut numbers = vec![f32::NAN; 3 * 64];
            source.of_memory(images, epoch, index, &mut Worker::default(), &mut numbers);
            numbers
        };
        (0..50).map(image).collect()
    }

    fn same(one: &[Vec<f32>], other: &[Vec<f32>]) -> usize {
        let near = |(one, other): &(&Vec<f32>, &Vec<f32>)| one.iter().zip(*other).all(|(a, b)| (a - b).abs() < 1e-5);
        one.iter().zip(other).filter(near).count()
    }

    #[test]
    fn changes_are_a_function_of_seed_epoch_and_image() {
        let trivial = Augmentation { policy: Policy::TrivialAugment, ..Augmentation::default() };
        let plain = images(Augmentation::default(), 9, 0);
        let changed = images(trivial, 9, 0);
        assert_eq!(changed, images(trivial, 9, 0));
        // Identity leaves images as they are, and so do shears and translations by less than half a pixel.
        for other in [&plain, &images(trivial, 9, 1), &images(trivial, 8, 0)] {
            let same = same(&changed, other);
            assert!(same < 20, "{same} of 50");
        }
    }

    #[test]
    fn two_epochs_see_an_image_both_ways() {
        let flip = Augmentation { flip: Flip::Alternating, ..Augmentation::default() };
        let [first, second, third] = [0, 1, 2].map(|epoch| images(flip, 9, epoch));
        assert_eq!((same(&first, &second), same(&first, &third)), (0, 50));
        let mirrored = 50 - same(&first, &images(Augmentation::default(), 9, 0));
        assert!((15..36).contains(&mirrored), "{mirrored} of 50");
        let drawn = Augmentation { flip: Flip::Random, ..flip };
        let again = same(&images(drawn, 9, 0), &images(drawn, 9, 1));
        assert!((15..36).contains(&again), "{again} of 50");
    }

    #[test]
    fn images_that_go_through_bytes_give_the_same_numbers() {
        let crops = Augmentation { crop_padding: 2, flip: Flip::Random, ..Augmentation::default() };
        // All but autocontrast and the solarizing of white do nothing at magnitude 0.
        let policy = Policy::RandAugment { operations: 1, magnitude: 0 };
        let same = same(&images(crops, 9, 0), &images(Augmentation { policy, ..crops }, 9, 0));
        assert!((40..50).contains(&same), "{same} of 50");
    }

    #[test]
    fn images_on_a_device_are_those_of_the_threads_to_the_last_bit() {
        let plain = source();
        let mut source = Arc::into_inner(source()).unwrap();
        source.on_device = true;
        let resident = source.resident(Device::Cpu).unwrap().unwrap();
        let source = Arc::new(source);
        let (mut ours, mut theirs) = (Loader::start(source, 3, 2), Loader::start(plain, 3, 1));
        for _ in 0..9 {
            let (ours, theirs) = (ours.next_batch().unwrap(), theirs.next_batch().unwrap());
            assert_eq!(ours.labels, theirs.labels);
            let expected = Tensor::from_slice(&theirs.pixels).view([8, 8, 8, 3]).permute([0, 3, 1, 2]);
            assert!(resident.batch(&ours.samples).unwrap().equal(&expected));
        }
    }

    #[test]
    fn a_row_is_mirrored_pixel_by_pixel() {
        let mut row = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        mirror(&mut row);
        assert_eq!(row, [7, 8, 9, 4, 5, 6, 1, 2, 3]);
    }
}
