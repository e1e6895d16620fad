//! What levels become: enhancements, histograms and colour jitter, as PIL's `ImageEnhance` and `ImageOps` have them.
//!
//! Where a channel's level alone decides what it becomes, that is a table of 256 levels.

use super::operation::{Operation, Raster};
use crate::random::{below, uniform};

/// Luminance by ITU-R 601-2, rounded as by PIL's `convert("L")`.
fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}

/// From `degenerate` at 0 over `value` at 1 and beyond; what is left over is cut off, as by PIL's `blend`.
fn blend(degenerate: u8, value: u8, factor: f32) -> u8 {
    (f32::from(degenerate) + factor * (f32::from(value) - f32::from(degenerate))) as u8
}

/// Replaces every level of every channel.
fn replace(pixels: &mut [[u8; 3]], level: impl Fn(u8) -> u8) {
    let table: [u8; 256] = std::array::from_fn(|byte| level(byte as u8));
    pixels.as_flattened_mut().iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]);
}

/// Replaces every level of each channel, where its histogram gives a table for that.
fn replace_by_histogram(pixels: &mut [[u8; 3]], table: impl Fn(&[u32; 256]) -> Option<[u8; 256]>) {
    let mut histograms = [[0; 256]; 3];
    for pixel in &*pixels {
        for (histogram, level) in histograms.iter_mut().zip(pixel) {
            histogram[usize::from(*level)] += 1;
        }
    }
    let identity = std::array::from_fn(|level| level as u8);
    let tables = histograms.each_ref().map(|histogram| table(histogram).unwrap_or(identity));
    for pixel in pixels {
        for (level, table) in pixel.iter_mut().zip(&tables) {
            *level = table[usize::from(*level)];
        }
    }
}

/// Scales all levels by a factor of at least 0.
pub fn brightness(pixels: &mut [[u8; 3]], factor: f64) {
    replace(pixels, |level| blend(0, level, factor as f32));
}

/// Scales the distance of all levels from the mean luminance.
pub fn contrast(pixels: &mut [[u8; 3]], factor: f64) {
    let sum: u64 = pixels.iter().map(|pixel| u64::from(luminance(*pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    replace(pixels, |level| blend(mean, level, factor as f32));
}

/// Scales the distance of each pixel from its luminance.
pub fn saturation(pixels: &mut [[u8; 3]], factor: f64) {
    for pixel in pixels {
        let grey = luminance(*pixel);
        *pixel = pixel.map(|level| blend(grey, level, factor as f32));
    }
}

/// Scales the distance of each pixel from the mean of its 3 x 3 surroundings, in which it counts fivefold. Pixels at the
/// edges stay. `copy` is working memory.
pub fn sharpness(image: &mut Raster<'_>, copy: &mut Vec<[u8; 3]>, factor: f64) {
    copy.clear();
    copy.extend_from_slice(image.pixels);
    let row = 3 * image.width;
    let (from, to) = (copy.as_flattened(), image.pixels.as_flattened_mut());
    for (rows, line) in from.windows(3 * row).step_by(row).zip(to.chunks_exact_mut(row).skip(1)) {
        let (above, here, below) = (&rows[..row], &rows[row..2 * row], &rows[2 * row..]);
        // A filter does nothing to an image that is smaller than it.
        for at in 3..row.saturating_sub(3) {
            let sum = |line: &[u8]| u32::from(line[at - 3]) + u32::from(line[at]) + u32::from(line[at + 3]);
            let level = here[at];
            let weighted = sum(above) + sum(here) + sum(below) + 4 * u32::from(level);
            // 13 is odd: the nearest whole number is never in doubt.
            let smooth = ((2 * weighted + 13) / 26) as u8;
            line[at] = blend(smooth, level, factor as f32);
        }
    }
}

/// Keeps the upper bits.
pub fn posterize(pixels: &mut [[u8; 3]], bits: u8) {
    let mask = u8::MAX.checked_shl(8 - u32::from(bits.min(8))).unwrap_or(0);
    replace(pixels, |level| level & mask);
}

/// Inverts levels of at least `threshold`.
pub fn solarize(pixels: &mut [[u8; 3]], threshold: f32) {
    replace(pixels, |level| if f32::from(level) < threshold { level } else { 255 - level });
}

/// Stretches each channel to all levels.
pub fn autocontrast(pixels: &mut [[u8; 3]]) {
    replace_by_histogram(pixels, |histogram| {
        let low = histogram.iter().position(|count| *count > 0)?;
        let high = histogram.iter().rposition(|count| *count > 0)?;
        let scale = 255.0 / (high.checked_sub(low).filter(|width| *width > 0)? as f64);
        let offset = -(low as f64) * scale;
        Some(std::array::from_fn(|level| (level as f64 * scale + offset) as u8))
    });
}

/// Evens the histogram of each channel. Fewer than 256 pixels stay, as PIL counts in whole steps of a 255th of them.
pub fn equalize(pixels: &mut [[u8; 3]]) {
    replace_by_histogram(pixels, |histogram| {
        let brightest = histogram.iter().rfind(|count| **count > 0)?;
        let step = (histogram.iter().sum::<u32>() - brightest) / 255;
        if step == 0 {
            return None;
        }
        let mut sum = step / 2;
        Some(histogram.map(|count| {
            let level = sum / step;
            sum += count;
            level.min(255) as u8
        }))
    });
}

/// Random brightness, contrast and saturation: how far each factor may be from 1, at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jitter {
    /// Of [`brightness`], [`contrast`] and [`saturation`], in this order; 0 for none.
    pub strengths: [f64; 3],
}

impl Jitter {
    /// Whether it leaves images alone.
    pub fn is_none(&self) -> bool {
        self.strengths == [0.0; 3]
    }

    /// The operations on an image in their order, which is random, as in torchvision's `ColorJitter`. `random` gives a
    /// random number for each of its arguments.
    pub fn draw(self, random: impl Fn(u64) -> u64) -> impl Iterator<Item = Operation> {
        let mut order = [0, 1, 2];
        order.swap(2, below(random(0), 3));
        order.swap(1, below(random(1), 2));
        order.into_iter().filter(move |which| self.strengths[*which] > 0.0).map(move |which| {
            let strength = self.strengths[which];
            let least = (1.0 - strength).max(0.0);
            let factor = least + (1.0 + strength - least) * uniform(random(2 + which as u64));
            [Operation::Brightness, Operation::Contrast, Operation::Colour][which](factor)
        })
    }
}
