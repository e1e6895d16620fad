//! Random erasing (Zhong et al. 2017, arXiv:1708.04896): a rectangle of an image becomes its mean.

use zoo_core::ImageSize;

use crate::crop::rectangle;
use crate::random::uniform;
use zoo_data::image::resize::Area;

/// Least and greatest share of the image's area, and quotient of width and height, as in torchvision's `RandomErasing`
/// (which has the quotient the other way round).
const SCALE: [f64; 2] = [0.02, 0.33];
const RATIO: (f64, f64) = (1.0 / 3.3, 1.0 / 0.3);

/// Puts zeros into a rectangle of a normalised image, channels innermost, with that probability. `random` gives a random
/// number for each of its arguments.
pub fn erase(numbers: &mut [f32], size: ImageSize, probability: f64, random: impl Fn(u64) -> u64) {
    if let Some(area) = chosen(size, probability, random) {
        let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(|number| number as usize);
        for row in numbers.chunks_exact_mut(3 * size.width as usize).skip(top).take(height) {
            row[3 * left..3 * (left + width)].fill(0.0);
        }
    }
}

/// The rectangle, which is lower and narrower than the image, or `None` where nothing is erased.
fn chosen(size: ImageSize, probability: f64, random: impl Fn(u64) -> u64) -> Option<Area> {
    if uniform(random(0)) >= probability {
        return None;
    }
    rectangle((size.width, size.height), SCALE, RATIO, |length, of| length < of, |what| random(1 + what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::mix;

    #[test]
    fn what_is_erased_has_the_area_and_the_frequency_that_were_asked_for() {
        let areas: Vec<f64> = (0..8000)
            .filter_map(|index| chosen(32.into(), 0.25, |what| mix(&[index, what])))
            .map(|area| f64::from(area.width * area.height) / 1024.0)
            .collect();
        assert!((1850..2150).contains(&areas.len()), "{} of 8000", areas.len());
        // Rounding to whole pixels moves an area of 5 x 4 by a fifth.
        assert!(areas.iter().all(|area| (0.015..0.35).contains(area)), "{areas:?}");
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        // Long rectangles of a large area do not fit and are drawn anew, which lowers the mean from 0.175.
        assert!((0.155..0.178).contains(&mean), "{mean}");
    }

    #[test]
    fn zeros_are_put_into_one_rectangle_and_nowhere_else() {
        for index in 0..50 {
            let size = ImageSize { height: 9, width: 7 };
            let mut numbers = vec![1.0; 3 * size.pixels()];
            erase(&mut numbers, size, 1.0, |what| mix(&[index, what]));
            let area = chosen(size, 1.0, |what| mix(&[index, what])).unwrap();
            let inside = |at: usize, first: u32, length: u32| (first..first + length).contains(&(at as u32));
            for (at, pixel) in numbers.chunks_exact(3).enumerate() {
                let erased = inside(at % 7, area.left, area.width) && inside(at / 7, area.top, area.height);
                assert_eq!(pixel, if erased { [0.0; 3] } else { [1.0; 3] }, "{area:?} at {at}");
            }
        }
    }
}
