//! What a picture goes through before a network judges it: resize, centre crop, normalisation.
//!
//! The geometry is that of torchvision's `Resize` and `CenterCrop` on PIL images, so that accuracies compare.

use zoo_core::ImageSize;
use zoo_core::names::{IMAGENET_MEAN, IMAGENET_STD, TrainedWith};

use super::image::Rgb;
use super::image::resize::{Area, Interpolation, Resizer};
use super::normalisation::Normalisation;

/// The steps from a picture to the numbers that a network takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// Mean of each channel, pixels taken as 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, pixels taken as 0 to 1.
    pub std: [f32; 3],
    /// Pixels that the shorter side is resized to, at least one; `None` leaves the picture as it is. Where the crop is not
    /// square, the picture is resized to cover a rectangle of the crop's shape whose shorter side this is, as timm does.
    pub resize: Option<u32>,
    /// What is cut out of the middle. A smaller picture is put on black.
    pub crop: ImageSize,
    /// How pixels between pixels are made.
    pub interpolation: Interpolation,
}

impl Preprocessing {
    /// The usual one for an input of `crop` pixels: the shorter side to 8/7 of it (256 for 224), and ImageNet's mean and
    /// deviation.
    pub fn of_imagenet(crop: ImageSize) -> Preprocessing {
        Preprocessing {
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            resize: Some((u64::from(crop.shorter()) * 8).div_ceil(7).try_into().unwrap_or(u32::MAX)),
            crop,
            interpolation: Interpolation::Bilinear,
        }
    }

    /// With what is `said` in its place.
    #[must_use]
    pub fn with(self, said: &TrainedWith) -> Preprocessing {
        Preprocessing {
            mean: said.mean.unwrap_or(self.mean),
            std: said.std.unwrap_or(self.std),
            resize: said.resize.unwrap_or(self.resize),
            crop: said.crop.unwrap_or(self.crop),
            interpolation: said.interpolation.unwrap_or(self.interpolation),
        }
    }

    /// As weights that were trained so would say it.
    pub fn trained_with(&self) -> TrainedWith {
        TrainedWith {
            mean: Some(self.mean),
            std: Some(self.std),
            resize: Some(self.resize),
            crop: Some(self.crop),
            interpolation: Some(self.interpolation),
            ..TrainedWith::default()
        }
    }

    /// For a network that takes so many channels.
    #[must_use]
    pub fn for_channels(self, channels: u32) -> Preprocessing {
        Preprocessing { mean: for_channels(self.mean, channels), std: for_channels(self.std, channels), ..self }
    }

    /// How many numbers a prepared picture has: three for each pixel of the crop.
    pub fn numbers(&self) -> usize {
        3 * self.crop.pixels()
    }

    /// Prepares `image` for evaluation: resized, cropped, normalised; row by row, channels innermost.
    ///
    /// # Panics
    ///
    /// When `into` does not have [`numbers`](Self::numbers) places.
    pub fn prepare(&self, image: &Rgb, into: &mut [f32]) {
        assert_eq!(into.len(), self.numbers(), "room for an image of {} pixels", self.crop);
        let normalisation = Normalisation::new(self.mean, self.std);
        if self.resize.is_none() && (image.width(), image.height()) == (self.crop.width, self.crop.height) {
            return normalisation.numbers(image.pixels(), into);
        }
        let mut middle = vec![0; self.numbers()];
        self.cut(image, &mut middle);
        normalisation.numbers(&middle, into);
    }

    /// Resizes `image` and copies its middle onto the black `target`.
    fn cut(&self, image: &Rgb, target: &mut [u8]) {
        let (width, height) = self.resized(image.width(), image.height());
        let (across, down) = (Middle::of(width, self.crop.width), Middle::of(height, self.crop.height));
        let window = Area { left: across.skipped, top: down.skipped, width: across.length, height: down.length };
        let mut resizer = Resizer::default();
        if (across.length, down.length) == (self.crop.width, self.crop.height) {
            return resizer.window(image, (width, height), window, self.interpolation, target);
        }
        let mut part = vec![0; 3 * across.length as usize * down.length as usize];
        resizer.window(image, (width, height), window, self.interpolation, &mut part);
        let rows = part.chunks_exact(3 * across.length as usize);
        for (row, line) in rows.zip(target.chunks_exact_mut(3 * self.crop.width as usize).skip(down.margin as usize)) {
            line[3 * across.margin as usize..][..row.len()].copy_from_slice(row);
        }
    }

    /// Width and height after the resize: the longer side is rounded down, as torchvision does.
    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let Some(short) = self.resize else { return (width, height) };
        let cover = self.crop.times(f64::from(short) / f64::from(self.crop.shorter()));
        let [wide, high] = [width, height].map(u64::from);
        let [cover_wide, cover_high] = [cover.width, cover.height].map(u64::from);
        let length = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
        if wide * cover_high <= high * cover_wide {
            (cover.width, length(cover_wide * high / wide))
        } else {
            (length(cover_high * wide / high), cover.height)
        }
    }
}

/// The numbers of three channels for a network that takes `channels`: where those are not the three of pictures, their
/// average, as in timm.
pub fn for_channels(numbers: [f32; 3], channels: u32) -> [f32; 3] {
    if channels == 3 { numbers } else { [numbers.iter().sum::<f32>() / 3.0; 3] }
}

/// The middle of a line of pixels.
#[derive(Debug, PartialEq, Eq)]
struct Middle {
    /// Pixels of the line before it.
    skipped: u32,
    /// Pixels taken.
    length: u32,
    /// Black pixels before them.
    margin: u32,
}

impl Middle {
    /// The middle `crop` of `length` pixels, by torchvision's rounding: halves to the even number where pixels are left
    /// out, down where black ones are added.
    fn of(length: u32, crop: u32) -> Middle {
        match length.checked_sub(crop) {
            Some(over) => Middle { skipped: (f64::from(over) / 2.0).round_ties_even() as u32, length: crop, margin: 0 },
            None => Middle { skipped: 0, length, margin: (crop - length) / 2 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(resize: Option<u32>, crop: impl Into<ImageSize>) -> Preprocessing {
        let (crop, interpolation) = (crop.into(), Interpolation::Bilinear);
        Preprocessing { mean: [0.0; 3], std: [1.0 / 255.0; 3], resize, crop, interpolation }
    }

    /// Each pixel tells its place: red the column, green the row.
    fn map(width: u32, height: u32) -> Rgb {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7]));
        Rgb::new(width, height, pixels.collect()).unwrap()
    }

    fn prepared(preprocessing: &Preprocessing, image: &Rgb) -> Vec<u8> {
        let mut numbers = vec![f32::NAN; preprocessing.numbers()];
        preprocessing.prepare(image, &mut numbers);
        numbers.into_iter().map(|number| number.round() as u8).collect()
    }

    /// The two sides by `int(size * long / short)`.
    #[test]
    fn the_shorter_side_is_resized_and_the_longer_one_rounded_down() {
        let to = plain(Some(256), 224);
        assert_eq!(to.resized(500, 375), (341, 256)); // 341.33
        assert_eq!(to.resized(375, 500), (256, 341));
        assert_eq!(to.resized(320, 427), (256, 341)); // 341.6
        assert_eq!(to.resized(100, 100), (256, 256));
        assert_eq!(plain(None, 224).resized(500, 375), (500, 375));
        assert_eq!(Preprocessing::of_imagenet(ImageSize::square(224)).resize, Some(256));
    }

    /// `int(round((length - crop) / 2))` of Python, whose halves go to the even number, and `(crop - length) // 2`.
    #[test]
    fn the_middle_is_rounded_as_torchvision_does() {
        let skipped = |length| Middle::of(length, 224).skipped;
        assert_eq!([225, 226, 227, 229, 341].map(skipped), [0, 1, 2, 2, 58]);
        assert_eq!(Middle::of(221, 224), Middle { skipped: 0, length: 221, margin: 1 });
        assert_eq!(Middle::of(224, 224), Middle { skipped: 0, length: 224, margin: 0 });
    }

    /// By timm 1.0's `ResizeKeepRatio((183, 366))` and `CenterCrop((160, 320))`, which round to the nearest.
    #[test]
    fn a_crop_that_is_not_square_is_covered() {
        let wide = plain(Some(183), ImageSize { height: 160, width: 320 });
        assert_eq!(wide.resized(500, 375), (366, 274)); // 274.5
        assert_eq!(wide.resized(1000, 375), (488, 183));
        assert_eq!(wide.resized(366, 183), (366, 183));
        let high = plain(Some(183), ImageSize { height: 320, width: 160 });
        assert_eq!(high.resized(375, 500), (274, 366));
        assert_eq!(Preprocessing::of_imagenet(wide.crop).resize, Some(183));
        let out = prepared(&plain(None, ImageSize { height: 1, width: 3 }), &map(5, 3));
        assert_eq!(out, [1, 1, 7, 2, 1, 7, 3, 1, 7]);
    }

    #[test]
    fn a_picture_of_the_right_size_is_untouched() {
        let picture = map(9, 9);
        assert_eq!(prepared(&plain(None, 9), &picture), picture.pixels());
        assert_eq!(prepared(&plain(Some(9), 9), &picture), picture.pixels());
    }

    #[test]
    fn a_larger_picture_is_cut_to_its_middle() {
        let out = prepared(&plain(None, 2), &map(7, 4));
        assert_eq!(out, [2, 1, 7, 3, 1, 7, 2, 2, 7, 3, 2, 7]); // (7 - 2) / 2 = 2.5, which rounds to 2
    }

    #[test]
    fn a_smaller_picture_is_put_on_black() {
        let out = prepared(&plain(None, 4), &map(1, 5));
        let green: Vec<u8> = out.iter().skip(1).step_by(3).copied().collect();
        // Columns: (4 - 1) / 2 = 1 black before; rows: (5 - 4) / 2 = 0.5, which rounds to 0 left out.
        assert_eq!(green, [0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0]);
        let blue: Vec<u8> = out.iter().skip(2).step_by(3).copied().collect();
        assert_eq!(blue, [0, 7, 0, 0].repeat(4));
    }

    #[test]
    fn a_strip_is_prepared_without_being_resized_as_a_whole() {
        let strip = map(60_000, 1);
        assert_eq!(prepared(&plain(Some(256), 224), &strip).len(), 3 * 224 * 224);
    }
}
