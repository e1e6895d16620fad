//! RandAugment and TrivialAugment: which operation comes next, and how strong it is.
//!
//! Operations, ranges, the 31 steps of a range and the way there are those of torchvision's `RandAugment` and
//! `TrivialAugmentWide`. What an operation does is [`operation`](super::operation)'s affair.

use zoo_settings::policy::{BINS, OPERATIONS, Policy};

use super::operation::Operation;
use crate::random::below;

/// Random numbers that one operation is a function of.
const DRAWS: u64 = 3;

/// The operations on an image of `size` (width and height) in their order. `random` gives a random number for each
/// of its arguments.
pub fn draw(policy: Policy, size: (usize, usize), random: impl Fn(u64) -> u64) -> impl Iterator<Item = Operation> {
    let (count, ranges) = match policy {
        Policy::None => (0, &TRIVIAL_AUGMENT),
        Policy::RandAugment { operations, .. } => (operations, &RAND_AUGMENT),
        Policy::TrivialAugment => (1, &TRIVIAL_AUGMENT),
    };
    (0..u64::from(count)).map(move |place| {
        let random = |what: u64| random(DRAWS * place + what);
        let bin = match policy {
            Policy::RandAugment { magnitude, .. } => magnitude,
            _ => below(random(1), BINS.into()) as u8,
        };
        ranges.operation(below(random(0), OPERATIONS), bin, random(2) >> 63 == 1, size)
    })
}

/// How far the magnitudes of a policy reach.
#[derive(Debug)]
struct Ranges {
    /// Pixels of a shift for each row or column.
    shear: f32,
    /// Pixels for a width or height of so many.
    translate: fn(usize) -> f32,
    /// Degrees.
    rotate: f32,
    /// What brightness, colour, contrast and sharpness are raised or lowered by.
    enhance: f32,
    /// Bits that a channel loses.
    posterize: f32,
}

const RAND_AUGMENT: Ranges = Ranges {
    shear: 0.3,
    translate: |length| (150.0 / 331.0 * length as f64) as f32,
    rotate: 30.0,
    enhance: 0.9,
    posterize: 4.0,
};

const TRIVIAL_AUGMENT: Ranges =
    Ranges { shear: 0.99, translate: |_| 32.0, rotate: 135.0, enhance: 0.99, posterize: 6.0 };

impl Ranges {
    /// The operation of that index, in torchvision's order, at step `bin` of its range, in the other direction if
    /// `negative` and there are two.
    fn operation(&self, index: usize, bin: u8, negative: bool, size: (usize, usize)) -> Operation {
        let signed = |greatest: f32| {
            let magnitude = f64::from(linspace(greatest, bin));
            if negative { -magnitude } else { magnitude }
        };
        match index {
            1 => Operation::ShearX(signed(self.shear)),
            2 => Operation::ShearY(signed(self.shear)),
            3 => Operation::TranslateX(signed((self.translate)(size.0)) as i32),
            4 => Operation::TranslateY(signed((self.translate)(size.1)) as i32),
            5 => Operation::Rotate(signed(self.rotate)),
            6 => Operation::Brightness(1.0 + signed(self.enhance)),
            7 => Operation::Colour(1.0 + signed(self.enhance)),
            8 => Operation::Contrast(1.0 + signed(self.enhance)),
            9 => Operation::Sharpness(1.0 + signed(self.enhance)),
            10 => Operation::Posterize(8 - linspace(self.posterize, bin).round_ties_even() as u8),
            11 => Operation::Solarize(255.0 - linspace(255.0, bin)),
            12 => Operation::AutoContrast,
            13 => Operation::Equalize,
            _ => Operation::Identity,
        }
    }
}

/// Step `bin` from 0 to `greatest` with the roundings of `torch.linspace`, which counts the upper half from the end.
/// They decide how many whole pixels a translation has.
fn linspace(greatest: f32, bin: u8) -> f32 {
    let last = BINS - 1;
    let step = greatest / f32::from(last);
    if bin < BINS / 2 { step * f32::from(bin) } else { step.mul_add(-f32::from(last - bin), greatest) }
}
