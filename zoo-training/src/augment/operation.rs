//! What can be done to an image: the operations of AutoAugment's successors, with PIL's arithmetic.

use super::{colour, geometry};

/// An image in 8-bit RGB, row by row, that is changed in place.
#[derive(Debug)]
pub struct Raster<'a> {
    /// Its pixels, at least one.
    pub pixels: &'a mut [[u8; 3]],
    /// How many of them are in a row.
    pub width: usize,
}

impl Raster<'_> {
    /// Rows.
    pub fn height(&self) -> usize {
        self.pixels.len() / self.width
    }
}

/// An operation with its magnitude. What comes in from outside the image is black.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// Nothing.
    Identity,
    /// Every row is shifted to the left by so many pixels more than the one above.
    ShearX(f64),
    /// Every column is shifted up by so many pixels more than the one to its left.
    ShearY(f64),
    /// A shift to the right in pixels.
    TranslateX(i32),
    /// A shift down in pixels.
    TranslateY(i32),
    /// Degrees, counter-clockwise, about the middle.
    Rotate(f64),
    /// A factor, 0 for a black image and 1 for this one.
    Brightness(f64),
    /// A factor, 0 for greys and 1 for this image.
    Colour(f64),
    /// A factor, 0 for an even grey and 1 for this image.
    Contrast(f64),
    /// A factor, 0 for a smoothed image and 1 for this one.
    Sharpness(f64),
    /// Upper bits that are kept of each channel, at most 8.
    Posterize(u8),
    /// The least level that is inverted.
    Solarize(f32),
    /// Each channel is stretched from its darkest and brightest level to all of them.
    AutoContrast,
    /// Each channel gets as many pixels of each level as it can.
    Equalize,
}

impl Operation {
    /// Changes `image`. `copy` is working memory.
    pub fn apply(self, image: &mut Raster<'_>, copy: &mut Vec<[u8; 3]>) {
        match self {
            Operation::Identity => {}
            Operation::ShearX(slope) => geometry::affine(image, copy, [1.0, slope, 0.0, 0.0, 1.0, 0.0]),
            Operation::ShearY(slope) => geometry::affine(image, copy, [1.0, 0.0, 0.0, slope, 1.0, 0.0]),
            Operation::TranslateX(right) => geometry::affine(image, copy, [1.0, 0.0, -f64::from(right), 0.0, 1.0, 0.0]),
            Operation::TranslateY(down) => geometry::affine(image, copy, [1.0, 0.0, 0.0, 0.0, 1.0, -f64::from(down)]),
            Operation::Rotate(degrees) => geometry::rotate(image, copy, degrees),
            Operation::Brightness(factor) => colour::brightness(image.pixels, factor),
            Operation::Colour(factor) => colour::saturation(image.pixels, factor),
            Operation::Contrast(factor) => colour::contrast(image.pixels, factor),
            Operation::Sharpness(factor) => colour::sharpness(image, copy, factor),
            Operation::Posterize(bits) => colour::posterize(image.pixels, bits),
            Operation::Solarize(threshold) => colour::solarize(image.pixels, threshold),
            Operation::AutoContrast => colour::autocontrast(image.pixels),
            Operation::Equalize => colour::equalize(image.pixels),
        }
    }
}
