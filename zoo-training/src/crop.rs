//! Random rectangles of pictures of any size, by the rules of torchvision's `RandomResizedCrop`.

use super::random::{below, uniform};
use zoo_data::image::resize::Area;

/// Least and greatest quotient of width and height.
const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
/// Draws before it is given up.
const ATTEMPTS: u64 = 10;

/// A piece of a `width` x `height` picture whose share of the area is drawn from `scale`, and its shape evenly on a
/// logarithmic scale from 3:4 to 4:3. Where ten draws do not fit, the largest piece of such a shape in the middle.
/// `random` gives a random number for each of its arguments.
pub fn random_piece(width: u32, height: u32, scale: [f64; 2], random: impl Fn(u64) -> u64) -> Area {
    rectangle((width, height), scale, RATIO, |length, of| length <= of, random).unwrap_or_else(|| middle(width, height))
}

/// A rectangle within `size` (width and height) with a share of its area drawn from `scale`, and a quotient of width and
/// height drawn evenly on a logarithmic scale from `ratio`. Both of its lengths must be at least 1 and such that
/// `fits(length, of)`, at most `of`; `None` where ten draws are not.
pub(super) fn rectangle(
    size: (u32, u32),
    scale: [f64; 2],
    ratio: (f64, f64),
    fits: impl Fn(u32, u32) -> bool,
    random: impl Fn(u64) -> u64,
) -> Option<Area> {
    let (width, height) = size;
    let area = f64::from(width) * f64::from(height);
    let between = |number: u64, low: f64, high: f64| low + (high - low) * uniform(number);
    (0..ATTEMPTS).find_map(|attempt| {
        let draw = |what: u64| random(4 * attempt + what);
        let wanted = area * between(draw(0), scale[0], scale[1]);
        let shape = between(draw(1), ratio.0.ln(), ratio.1.ln()).exp();
        let across = (wanted * shape).sqrt().round_ties_even() as u32;
        let down = (wanted / shape).sqrt().round_ties_even() as u32;
        if across == 0 || down == 0 || !fits(across, width) || !fits(down, height) {
            return None;
        }
        let top = below(draw(2), (height - down + 1) as usize) as u32;
        let left = below(draw(3), (width - across + 1) as usize) as u32;
        Some(Area { left, top, width: across, height: down })
    })
}

/// The largest piece in the middle that is neither too wide nor too high.
fn middle(width: u32, height: u32) -> Area {
    let ratio = f64::from(width) / f64::from(height);
    let (across, down) = if ratio < RATIO.0 {
        (width, (f64::from(width) / RATIO.0).round_ties_even() as u32)
    } else if ratio > RATIO.1 {
        ((f64::from(height) * RATIO.1).round_ties_even() as u32, height)
    } else {
        (width, height)
    };
    Area { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::mix;

    /// Worked out by hand from the rules: 1000 x 30 is too wide, and 30 * 4/3 = 40.
    #[test]
    fn the_middle_of_a_strip_has_the_nearest_shape() {
        assert_eq!(middle(1000, 30), Area { left: 480, top: 0, width: 40, height: 30 });
        assert_eq!(middle(30, 1001), Area { left: 0, top: 480, width: 30, height: 40 });
        assert_eq!(middle(500, 375), Area { left: 0, top: 0, width: 500, height: 375 });
        assert_eq!(middle(1, 1), Area { left: 0, top: 0, width: 1, height: 1 });
        // Of such a strip no shape has half the area.
        assert_eq!(random_piece(1000, 30, [0.5, 1.0], |what| mix(&[what])), middle(1000, 30));
    }

    /// Numbers that draw the least of everything: area 0.25 and shape 3:4.
    #[test]
    fn a_piece_has_the_area_and_the_shape_that_were_drawn() {
        let piece = random_piece(400, 300, [0.25, 1.0], |_| 0);
        // 30,000 pixels; sqrt(30000 * 3/4) = 150 across, sqrt(30000 * 4/3) = 200 down.
        assert_eq!(piece, Area { left: 0, top: 0, width: 150, height: 200 });
    }

    #[test]
    fn pieces_have_the_mean_area_of_their_scale() {
        let share = |seed: u64| {
            let piece = random_piece(500, 500, [0.08, 0.6], |what| mix(&[seed, what]));
            f64::from(piece.width) * f64::from(piece.height) / 250_000.0
        };
        let mean = (0..4000).map(share).sum::<f64>() / 4000.0;
        assert!((mean - 0.34).abs() < 0.01, "{mean}");
    }

    proptest! {
        #[test]
        fn a_piece_is_within_its_picture(width in 1u32..70_000, height in 1u32..70_000, seed: u64, low in 0.001..1.0f64) {
            let piece = random_piece(width, height, [low, 1.0], |what| mix(&[seed, what]));
            prop_assert!(piece.width > 0 && piece.height > 0);
            prop_assert!(piece.left + piece.width <= width && piece.top + piece.height <= height);
        }
    }
}
