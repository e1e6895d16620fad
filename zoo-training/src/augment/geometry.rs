//! Where pixels come from: shear, translation and rotation with the nearest pixel, as PIL's `Image.transform` has them.

use super::operation::Raster;

/// Bits behind the binary point, as in PIL: they decide which pixel is the nearest.
const FRACTION: u32 = 16;

/// Takes the pixel at (x, y) from `(m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5])`; black where that is outside.
/// `copy` is working memory.
pub fn affine(image: &mut Raster<'_>, copy: &mut Vec<[u8; 3]>, m: [f64; 6]) {
    copy.clear();
    copy.extend_from_slice(image.pixels);
    let (width, height) = (image.width as i64, image.height() as i64);
    let fixed = |number: f64| (number * f64::from(1 << FRACTION) + 0.5).floor() as i64;
    // The middle of the first pixel.
    let mut start = (fixed(m[2] + m[0] * 0.5 + m[1] * 0.5), fixed(m[5] + m[3] * 0.5 + m[4] * 0.5));
    let (across, down) = ((fixed(m[0]), fixed(m[3])), (fixed(m[1]), fixed(m[4])));
    for row in image.pixels.chunks_exact_mut(image.width) {
        let (mut x, mut y) = start;
        for pixel in row {
            let (column, line) = (x >> FRACTION, y >> FRACTION);
            let inside = (0..width).contains(&column) && (0..height).contains(&line);
            *pixel = if inside { copy[(line * width + column) as usize] } else { [0; 3] };
            (x, y) = (x + across.0, y + across.1);
        }
        start = (start.0 + down.0, start.1 + down.1);
    }
}

/// Turns the image about its middle, counter-clockwise by so many degrees.
pub fn rotate(image: &mut Raster<'_>, copy: &mut Vec<[u8; 3]>, degrees: f64) {
    // PIL rounds to 15 digits, so that a right angle is one.
    let digits = |number: f64| (number * 1e15).round() / 1e15;
    let (sin, cos) = (-degrees).to_radians().sin_cos();
    let (sin, cos) = (digits(sin), digits(cos));
    let middle = (image.width as f64 / 2.0, image.height() as f64 / 2.0);
    let x = middle.0 - cos * middle.0 - sin * middle.1;
    let y = middle.1 + sin * middle.0 - cos * middle.1;
    affine(image, copy, [cos, sin, x, -sin, cos, y]);
}
