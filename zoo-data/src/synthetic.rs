//! Images made from a seed: no files, no network, and still something to learn.
//!
//! A class is a tint, a direction and a number of stripes; an image adds a random phase and noise. A network that
//! trains at all tells the classes apart within a few hundred steps, and one that does not is broken. All arithmetic
//! is on integers, so that a seed gives the same bytes on every machine.

use super::choice::{Choice, ChoiceError};
use super::{DataError, Dataset, Images, Split};

/// What results call the data set.
pub const NAME: &str = "synthetic";
/// Classes of the data set of that name.
pub const CLASSES: usize = 10;
/// Its training and test images, unless others are asked for.
pub const IMAGES: [usize; 2] = [10_240, 1_000];
/// More is taken for a slip of the finger.
const MOST_BYTES: usize = 16 << 30;

/// The directions in which the stripes run: pixels to the right and down.
const DIRECTIONS: [(i64, i64); 8] = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2)];
/// Three levels in each of three channels.
const TINTS: usize = 27;
/// How far a tint moves a channel from the middle.
const TINT: i64 = 20;
/// How far the stripes move a pixel, at most.
const STRIPE: i64 = 44;
/// How far noise moves a pixel, at most.
const NOISE: i64 = 48;

/// Makes the data set of that name.
///
/// # Errors
///
/// Where more is asked for than memory would have.
pub fn load(choice: &Choice) -> Result<Dataset, DataError> {
    let [train, test] = choice.made();
    let bytes = 3 * choice.side * choice.side;
    for (flag, images) in [("--limit-train", train), ("--limit-test", test)] {
        if images.saturating_mul(bytes) > MOST_BYTES {
            return Err(ChoiceError::TooMany { flag, images }.into());
        }
    }
    Ok(generate(choice.seed, train, test, choice.side, CLASSES))
}

/// Makes `train` and `test` images, `side` pixels high and wide, of `classes` classes.
///
/// The classes are equally frequent and in random order. Up to 1,080 of them differ; at least one class and one pixel
/// are made, and no more than 65,536 classes.
pub fn generate(seed: u64, train: usize, test: usize, side: usize, classes: usize) -> Dataset {
    let (side, classes) = (side.max(1), classes.clamp(1, 1 << 16));
    // The two sets draw from streams of their own, so that the size of one does not change the other.
    let train = images(&mut Random::new(seed, 1), train, side, classes);
    let test = images(&mut Random::new(seed, 2), test, side, classes);
    let (mean, deviation) = statistics(&train);
    Dataset {
        name: NAME.to_string(),
        train: Split::Memory(train),
        test: Split::Memory(test),
        classes: (0..classes).map(|class| format!("class-{class}")).collect(),
        wnids: None,
        mean,
        deviation,
    }
}

fn images(random: &mut Random, count: usize, side: usize, classes: usize) -> Images {
    let mut labels: Vec<u16> = (0..count).map(|index| (index % classes) as u16).collect();
    for index in (1..count).rev() {
        labels.swap(index, random.below(index as u64 + 1) as usize);
    }
    let mut pixels = Vec::with_capacity(count * 3 * side * side);
    for label in &labels {
        let pattern = Pattern::of(usize::from(*label));
        pattern.draw(random, side, &mut pixels);
    }
    Images { pixels, labels, side }
}

/// What the images of a class have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Pattern {
    tint: [i64; 3],
    direction: (i64, i64),
    stripes: i64,
}

impl Pattern {
    fn of(class: usize) -> Pattern {
        let (direction, rest) = (class % DIRECTIONS.len(), class / DIRECTIONS.len());
        // Ten apart, the first classes differ in tint as well as in direction.
        let tint = (rest + 10 * direction) % TINTS;
        let level = |digit: usize| (digit % 3) as i64 - 1;
        Pattern {
            tint: [level(tint), level(tint / 3), level(tint / 9)],
            direction: DIRECTIONS[direction],
            stripes: 2 + (rest / TINTS) as i64 % 5,
        }
    }

    /// Appends an image, channel by channel.
    fn draw(&self, random: &mut Random, side: usize, pixels: &mut Vec<u8>) {
        let phase = random.below(256) as i64;
        let side = side as i64;
        for tint in self.tint {
            for y in 0..side {
                for x in 0..side {
                    let along = self.direction.0 * x + self.direction.1 * y;
                    let wave = triangle(along * self.stripes * 256 / side + phase);
                    let noise = random.below(2 * NOISE as u64 + 1) as i64 - NOISE;
                    pixels.push((128 + tint * TINT + wave * STRIPE / 128 + noise).clamp(0, 255) as u8);
                }
            }
        }
    }
}

/// A triangular wave with period 256, between -128 and 128.
fn triangle(at: i64) -> i64 {
    2 * (at.rem_euclid(256) - 128).abs() - 128
}

/// Mean and standard deviation of each channel, pixels taken as 0 to 1. A deviation that would be 0 is given as 1, as
/// it is divided by.
fn statistics(images: &Images) -> ([f32; 3], [f32; 3]) {
    let plane = images.side * images.side;
    let (mut mean, mut deviation) = ([0.0; 3], [1.0; 3]);
    for channel in 0..3 {
        let (mut sum, mut squares, mut count) = (0u64, 0u64, 0u64);
        for value in images.pixels.chunks_exact(plane).skip(channel).step_by(3).flatten() {
            let value = u64::from(*value);
            sum += value;
            squares += value * value;
            count += 1;
        }
        let average = sum as f64 / count.max(1) as f64;
        let variance = squares as f64 / count.max(1) as f64 - average * average;
        mean[channel] = (average / 255.0) as f32;
        if variance > 0.0 {
            deviation[channel] = (variance.sqrt() / 255.0) as f32;
        }
    }
    (mean, deviation)
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u64) -> Random {
        let mut random = Random(seed);
        random.0 = random.next() ^ stream;
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0; the bias of some 2^-32 for small bounds is of no account here.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::manifest::md5_hex;

    fn in_memory(split: &Split) -> &Images {
        split.in_memory().unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_bytes_on_every_machine() {
        assert_eq!(md5_hex(&in_memory(&generate(7, 4, 2, 9, 3).train).pixels), "650872b3713505e6759fa4b2fd6f25a1");
    }

    #[test]
    fn seeds_and_sets_differ_and_sizes_do_not_matter() {
        let data = generate(1, 20, 20, 8, 10);
        assert_ne!(data.train, data.test);
        assert_ne!(data.train, generate(2, 20, 20, 8, 10).train);
        assert_eq!(data.test, generate(1, 500, 20, 8, 10).test);
    }

    #[test]
    fn classes_are_distinct_and_balanced() {
        let patterns: HashSet<Pattern> = (0..1080).map(Pattern::of).collect();
        assert_eq!(patterns.len(), 1080);
        let data = generate(3, 100, 0, 4, 10);
        let train = in_memory(&data.train);
        for class in 0..10 {
            assert_eq!(train.labels.iter().filter(|label| **label == class).count(), 10);
        }
        assert_ne!(train.labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    /// The nearest class mean knows the tints only: far better than chance, and a network has more to find.
    #[test]
    fn there_is_something_to_learn() {
        let data = generate(11, 1000, 200, 16, 10);
        let (train, test) = (in_memory(&data.train), in_memory(&data.test));
        let bytes = 3 * 16 * 16;
        let mut means = vec![vec![0f32; bytes]; 10];
        for index in 0..train.len() {
            let mean = &mut means[usize::from(train.labels[index])];
            mean.iter_mut().zip(train.image(index)).for_each(|(sum, pixel)| *sum += f32::from(*pixel) / 100.0);
        }
        let distance = |mean: &[f32], image: &[u8]| -> f32 {
            mean.iter().zip(image).map(|(mean, pixel)| (mean - f32::from(*pixel)).powi(2)).sum()
        };
        let nearest =
            |image: &[u8]| (0..10).min_by(|a, b| distance(&means[*a], image).total_cmp(&distance(&means[*b], image)));
        let right = (0..200).filter(|i| nearest(test.image(*i)) == Some(test.labels[*i].into())).count();
        assert!(right > 120, "{right} of 200");
    }

    #[test]
    fn statistics_are_those_of_the_pixels() {
        let images = Images { pixels: vec![0, 255, 10, 10, 0, 0, 255, 255, 10, 10, 0, 0], labels: vec![0; 1], side: 2 };
        let (mean, deviation) = statistics(&images);
        assert_eq!(mean[0], 68.75 / 255.0);
        assert!((mean[1] - 0.5).abs() < 1e-6 && (deviation[1] - 0.5).abs() < 1e-6, "{mean:?} {deviation:?}");
        assert_eq!(statistics(&Images { pixels: vec![], labels: vec![], side: 2 }), ([0.0; 3], [1.0; 3]));
    }

    proptest! {
        #[test]
        fn any_size_is_consistent(seed: u64, train in 0usize..5, test in 0usize..5, side in 0usize..9, classes in 0usize..2000) {
            let data = generate(seed, train, test, side, classes);
            prop_assert_eq!((data.train.len(), data.test.len()), (train, test));
            for images in [&data.train, &data.test].map(in_memory) {
                prop_assert_eq!(images.pixels.len(), images.len() * 3 * images.side * images.side);
                prop_assert!(images.labels.iter().all(|label| usize::from(*label) < data.classes.len()));
            }
        }
    }
}
