//! Mixup and cutmix: every image of a batch takes some of another one, and some of its label.
//!
//! Images are mixed by two: the first of a batch with the second, and so on. The order of an epoch is random, so the partner
//! is; and any part of a batch with an even number of images, such as a rank's share, can be mixed without the others. A batch
//! has one share, as in timm. Pairs are mixed in place, by the worker.

use zoo_core::ImageSize;

use crate::random::{below, uniform};
use zoo_data::image::resize::Area;

/// What the images of a batch have taken from their partners.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The class of each image's partner.
    pub partners: Vec<i64>,
    /// What is left of each image's own label, 0 to 1.
    pub share: f64,
}

/// How strongly batches are mixed. With both, every batch is mixed by one of them, evenly by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mixing {
    /// Shares of mixup (Zhang et al. 2017, arXiv:1710.09412) are drawn from Beta(α, α) with this α; 0 for none.
    pub mixup: f64,
    /// Shares of the area in cutmix (Yun et al. 2019, arXiv:1905.04899), likewise.
    pub cutmix: f64,
}

impl Mixing {
    /// Whether it leaves batches alone.
    pub fn is_none(&self) -> bool {
        self.mixup == 0.0 && self.cutmix == 0.0
    }

    /// Mixes images of `size`, channels innermost, with their labels. `random` gives a random number for each of its
    /// arguments.
    pub fn mix(
        &self,
        pixels: &mut [f32],
        labels: &[i64],
        size: ImageSize,
        random: impl Fn(u64) -> u64,
    ) -> Option<Mixed> {
        if self.is_none() {
            return None;
        }
        let cut = self.mixup == 0.0 || (self.cutmix > 0.0 && random(0) >> 63 == 1);
        let pairs = pairs(pixels, 3 * size.pixels());
        let share = if cut {
            let area = cut_out(size, symmetric_beta(self.cutmix, &random), &random);
            pairs.for_each(|(one, other)| exchange(one, other, size, area));
            1.0 - f64::from(area.width * area.height) / size.pixels() as f64
        } else {
            let share = symmetric_beta(self.mixup, &random);
            pairs.for_each(|(one, other)| blend(one, other, share as f32));
            share
        };
        let partners = (0..labels.len()).map(|image| labels.get(image ^ 1).copied().unwrap_or(labels[image]));
        Some(Mixed { partners: partners.collect(), share })
    }
}

/// The images of a batch by two. A last one without another is its own partner.
fn pairs(pixels: &mut [f32], numbers: usize) -> impl Iterator<Item = (&mut [f32], &mut [f32])> {
    pixels.chunks_exact_mut(2 * numbers).map(move |pair| pair.split_at_mut(numbers))
}

fn blend(one: &mut [f32], other: &mut [f32], share: f32) {
    for (one, other) in one.iter_mut().zip(other) {
        (*one, *other) = (share * *one + (1.0 - share) * *other, share * *other + (1.0 - share) * *one);
    }
}

fn exchange(one: &mut [f32], other: &mut [f32], size: ImageSize, area: Area) {
    let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(|number| number as usize);
    let row = 3 * size.width as usize;
    let rows = one.chunks_exact_mut(row).zip(other.chunks_exact_mut(row));
    for (one, other) in rows.skip(top).take(height) {
        let row = 3 * left..3 * (left + width);
        one[row.clone()].swap_with_slice(&mut other[row]);
    }
}

/// A rectangle of the image's shape with `1 - share` of its area about a random point, as far as it is within the image; it
/// may be empty.
fn cut_out(size: ImageSize, share: f64, random: impl Fn(u64) -> u64) -> Area {
    let range = |side: u32, what: u64| {
        let side = side as usize;
        let half = (side as f64 * (1.0 - share).sqrt()) as usize / 2;
        let middle = below(random(what), side);
        (middle.saturating_sub(half), (middle + half).min(side))
    };
    let ((left, right), (top, bottom)) = (range(size.width, 3), range(size.height, 4));
    let [left, top, width, height] = [left, top, right - left, bottom - top].map(|number| number as u32);
    Area { left, top, width, height }
}

/// Draws from Beta(α, α), by Devroye's formula in one line ("Random variate generation in one line of code", 1996).
fn symmetric_beta(alpha: f64, random: impl Fn(u64) -> u64) -> f64 {
    // Over 0, at most 1.
    let first = 1.0 - uniform(random(1));
    let cos = (std::f64::consts::TAU * uniform(random(2))).cos();
    0.5 + 0.5 * cos.signum() / (1.0 + 1.0 / ((first.powf(-1.0 / alpha) - 1.0) * cos * cos)).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::mix;

    fn shares(alpha: f64) -> Vec<f64> {
        (0..20_000).map(|index| symmetric_beta(alpha, |what| mix(&[index, what]))).collect()
    }

    /// Beta(α, α) has mean 1/2 and variance 1 / (4 (2 α + 1)); for α = 1 it is even, for α = 1/2 it is the arcsine's:
    /// P(X < x) = 2/π asin(√x), a third below a quarter.
    #[test]
    fn shares_are_distributed_as_beta() {
        for alpha in [0.1, 0.2, 0.5, 1.0, 4.0, 50.0] {
            let shares = shares(alpha);
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / shares.len() as f64;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.012, "alpha {alpha}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.04, "alpha {alpha}: variance {variance}, not {expected}");
        }
        let below = |alpha: f64, bound: f64| shares(alpha).iter().filter(|share| **share < bound).count() as f64 / 2e4;
        assert!((below(0.5, 0.25) - 1.0 / 3.0).abs() < 0.012, "{}", below(0.5, 0.25));
        assert!((below(1.0, 0.1) - 0.1).abs() < 0.008, "{}", below(1.0, 0.1));
        // 3 x² - 2 x³ at 0.2.
        assert!((below(2.0, 0.2) - 0.104).abs() < 0.008, "{}", below(2.0, 0.2));
    }

    #[test]
    fn mixup_adds_shares_of_both_images_and_one_without_another_stays() {
        let mixing = Mixing { mixup: 0.4, cutmix: 0.0 };
        let images: Vec<f32> = [[1.0; 12], [10.0; 12], [100.0; 12]].concat();
        let mut pixels = images.clone();
        let mixed = mixing.mix(&mut pixels, &[7, 8, 9], 2.into(), |what| mix(&[5, what])).unwrap();
        assert_eq!(mixed.partners, [8, 7, 9]);
        let share = mixed.share as f32;
        let expected = [share + 10.0 * (1.0 - share), 10.0 * share + 1.0 - share, 100.0];
        for (place, number) in pixels.iter().enumerate() {
            assert!((number - expected[place / 12]).abs() < 1e-4, "{number} at {place}, share {share}");
        }
        assert!((0.001..0.999).contains(&share), "{share}");
    }

    #[test]
    fn cutmix_exchanges_a_part_whose_area_is_the_share() {
        let mixing = Mixing { mixup: 0.0, cutmix: 1.0 };
        let (size, numbers) = (ImageSize { height: 4, width: 16 }, 192);
        let mut areas = 0.0;
        for seed in 0..400 {
            let mut pixels: Vec<f32> = [vec![1.0; numbers], vec![2.0; numbers]].concat();
            let mixed = mixing.mix(&mut pixels, &[3, 4], size, |what| mix(&[seed, what])).unwrap();
            let own = |image: usize| {
                pixels[image * numbers..][..numbers].iter().filter(|number| **number == 1.0 + image as f32).count()
            };
            assert_eq!((own(0), own(0)), (own(1), (mixed.share * numbers as f64).round() as usize));
            areas += 1.0 - mixed.share;
        }
        // Boxes lose what is outside, and lengths are rounded down: 1/2 would be left of the even shares otherwise.
        assert!((0.18..0.45).contains(&(areas / 400.0)), "{}", areas / 400.0);
    }

    #[test]
    fn with_both_each_has_half_of_the_batches() {
        let mixing = Mixing { mixup: 1.0, cutmix: 1.0 };
        let blended = (0..1000).filter(|seed| {
            let mut pixels = [vec![1.0; 192], vec![2.0; 192]].concat();
            mixing.mix(&mut pixels, &[0, 1], 8.into(), |what| mix(&[*seed, what]));
            pixels.iter().any(|number| *number != 1.0 && *number != 2.0)
        });
        let blended = blended.count();
        assert!((430..570).contains(&blended), "{blended} of 1000");
    }

    proptest! {
        #[test]
        fn a_share_is_within_0_and_1(
            images in 0usize..5, height in 1u32..9, width in 1u32..9, alpha in 1e-3..1e3f64, both: bool, seed: u64,
        ) {
            let size = ImageSize { height, width };
            let mixing = Mixing { mixup: if both { alpha } else { 0.0 }, cutmix: alpha };
            let mut pixels = vec![1.0; images * 3 * size.pixels()];
            let labels = vec![0; images];
            let mixed = mixing.mix(&mut pixels, &labels, size, |what| mix(&[seed, what])).unwrap();
            prop_assert!((0.0..=1.0).contains(&mixed.share), "{}", mixed.share);
            prop_assert!(pixels.iter().all(|number| (number - 1.0).abs() < 1e-6));
        }
    }
}
