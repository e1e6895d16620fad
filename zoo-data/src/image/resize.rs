//! Resizing as PIL does it: half-pixel centres, and a kernel that widens with the reduction, so that nothing aliases.
//!
//! The arithmetic is that of the crate `fast_image_resize`. A *piece* is cut out before it is resized, and a *window* is
//! the part of a resized picture that one looks at: at its edges the kernel sees what is outside.
//!
//! All views are of RGB pixels and say so in their type: of views whose pixels are known at run time alone the compiler makes
//! code for each of the crate's 17 kinds, which took 4 of the 5 minutes that this crate was compiled for.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ImageView, ResizeAlg, ResizeOptions};
use zoo_core::ImageSize;
pub use zoo_core::names::Interpolation;

use super::Rgb;

/// A rectangle of whole pixels within a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Pixels to its left.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Pixels in a row, at least one.
    pub width: u32,
    /// Rows, at least one.
    pub height: u32,
}

/// Resizes pictures one after the other, in the same working memory.
#[derive(Debug, Default)]
pub struct Resizer(fast_image_resize::Resizer);

impl Resizer {
    /// Cuts `piece` out of `picture` and resizes it to `size`, three bytes each, written to `into`.
    ///
    /// # Panics
    ///
    /// When the piece is not within the picture, or `into` does not have that size.
    pub fn piece(
        &mut self,
        picture: &Rgb,
        piece: Area,
        size: ImageSize,
        interpolation: Interpolation,
        into: &mut [u8],
    ) {
        let Area { left, top, width, height } = piece;
        let whole = view(picture);
        let cut =
            TypedCroppedImage::from_ref(&whole, left, top, width, height).expect("the piece is within the picture");
        self.resize(&cut, &options(interpolation), (size.width, size.height), into);
    }

    /// The `window` of `picture` resized to `to` pixels (width, height), written to `into`.
    ///
    /// # Panics
    ///
    /// When the window is not within the resized picture, or `into` does not have its size.
    pub fn window(
        &mut self,
        picture: &Rgb,
        to: (u32, u32),
        window: Area,
        interpolation: Interpolation,
        into: &mut [u8],
    ) {
        let (across, down) =
            (f64::from(picture.width()) / f64::from(to.0), f64::from(picture.height()) / f64::from(to.1));
        // Rounding must not carry the window over the edge.
        let left = f64::from(window.left) * across;
        let top = f64::from(window.top) * down;
        let width = (f64::from(window.width) * across).min(f64::from(picture.width()) - left);
        let height = (f64::from(window.height) * down).min(f64::from(picture.height()) - top);
        let options = options(interpolation).crop(left, top, width, height);
        self.resize(&view(picture), &options, (window.width, window.height), into);
    }

    fn resize(
        &mut self,
        from: &impl ImageView<Pixel = U8x3>,
        options: &ResizeOptions,
        to: (u32, u32),
        into: &mut [u8],
    ) {
        let mut target =
            TypedImage::<U8x3>::from_buffer(to.0, to.1, into).expect("there is room for the resized picture");
        self.0.resize_typed(from, &mut target, options).expect("the window is within the picture");
    }
}

fn view(picture: &Rgb) -> TypedImageRef<'_, U8x3> {
    let (width, height) = (picture.width(), picture.height());
    TypedImageRef::from_buffer(width, height, picture.pixels()).expect("a picture has all of its pixels")
}

fn options(interpolation: Interpolation) -> ResizeOptions {
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
    };
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey pixels, row by row.
    fn grey(width: u32, values: &[u8]) -> Rgb {
        let pixels = values.iter().flat_map(|value| [*value; 3]).collect();
        Rgb::new(width, values.len() as u32 / width, pixels).unwrap()
    }

    fn red(pixels: &[u8]) -> Vec<u8> {
        pixels.iter().step_by(3).copied().collect()
    }

    /// Halving 8 pixels: output k is centred at 2k + 1 with a triangle of radius 2, so the four pixels from 2k - 1 have
    /// weights 1, 3, 3, 1 eighths, and at the edges what is missing is left out of the sum.
    #[test]
    fn halving_weighs_four_neighbours() {
        let values = [0, 80, 160, 80, 0, 240, 80, 0];
        let row = grey(8, &[values; 8].concat());
        let mut out = vec![0; 3 * 16];
        Resizer::default().piece(
            &row,
            Area { left: 0, top: 0, width: 8, height: 8 },
            4.into(),
            Interpolation::Bilinear,
            &mut out,
        );
        let inner = |k: usize| {
            let at = |i: usize| f64::from(values[i]);
            (at(2 * k - 1) + 3.0 * at(2 * k) + 3.0 * at(2 * k + 1) + at(2 * k + 2)) / 8.0
        };
        let first = (3.0 * 0.0 + 3.0 * 80.0 + 160.0) / 7.0;
        let last = (240.0 + 3.0 * 80.0 + 3.0 * 0.0) / 7.0;
        let expected = [first, inner(1), inner(2), last].map(|value: f64| value.round() as u8);
        assert_eq!(red(&out)[..4], expected);
    }

    /// A piece knows nothing of its surroundings, a window does: here a bright pixel just beyond the edge.
    #[test]
    fn a_window_sees_what_is_outside_and_a_piece_does_not() {
        let picture = grey(4, &[[0, 0, 240, 240]; 4].concat());
        let left = Area { left: 0, top: 0, width: 2, height: 2 };
        let (mut piece, mut window) = (vec![9; 3 * 16], vec![9; 3 * 16]);
        Resizer::default().piece(&picture, left, 4.into(), Interpolation::Bilinear, &mut piece);
        assert_eq!(red(&piece), [0; 16]);
        let seen = Area { left: 0, top: 0, width: 4, height: 4 };
        Resizer::default().window(&picture, (8, 8), seen, Interpolation::Bilinear, &mut window);
        // Doubled, the pixel at 3 is centred at 1.75: a quarter of the way from the pixel at 1.5 to the one at 2.5.
        assert_eq!(red(&window)[..4], [0, 0, 0, 60]);
    }
}
