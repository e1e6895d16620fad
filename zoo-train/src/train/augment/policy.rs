//! RandAugment and TrivialAugment: which operation comes next, and how strong it is.
//!
//! Operations, ranges, the 31 steps of a range and the way there are those of torchvision's `RandAugment` and
//! `TrivialAugmentWide`. What an operation does is [`operation`](super::operation)'s affair.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use crate::train::random::below;

/// How operations on an image are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Policy {
    /// None is.
    #[default]
    None,
    /// So many after another, all of the same magnitude (Cubuk et al. 2019, arXiv:1909.13719).
    RandAugment {
        /// Operations on an image, 1 to 14.
        operations: u8,
        /// The step of each range, 0 (nothing or nearly so) to 30.
        magnitude: u8,
    },
    /// A single one of any magnitude (Müller & Hutter 2021, arXiv:2103.10158), with the wide ranges.
    TrivialAugment,
}

/// Steps of every range.
const BINS: u8 = 31;
/// Operations there are.
const OPERATIONS: usize = 14;
/// Random numbers that one operation is a function of.
const DRAWS: u64 = 3;

impl Policy {
    /// Whether it leaves images alone.
    pub fn is_none(&self) -> bool {
        *self == Policy::None
    }

    /// The operations on an image of `size` (width and height) in their order. `random` gives a random number for each
    /// of its arguments.
    pub fn draw(self, size: (usize, usize), random: impl Fn(u64) -> u64) -> impl Iterator<Item = Operation> {
        let (count, ranges) = match self {
            Policy::None => (0, &TRIVIAL_AUGMENT),
            Policy::RandAugment { operations, .. } => (operations, &RAND_AUGMENT),
            Policy::TrivialAugment => (1, &TRIVIAL_AUGMENT),
        };
        (0..u64::from(count)).map(move |place| {
            let random = |what: u64| random(DRAWS * place + what);
            let bin = match self {
                Policy::RandAugment { magnitude, .. } => magnitude,
                _ => below(random(1), BINS.into()) as u8,
            };
            ranges.operation(below(random(0), OPERATIONS), bin, random(2) >> 63 == 1, size)
        })
    }
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

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Policy, String> {
        let wrong = || {
            format!(
                "`{text}` is no augmentation: give none, trivialaugment or randaugment:N:M, with N operations (1 to \
                 {OPERATIONS}) of magnitude M (0 to {}), such as randaugment:2:9",
                BINS - 1
            )
        };
        match text.split(':').collect::<Vec<_>>()[..] {
            ["none"] => Ok(Policy::None),
            ["trivialaugment"] => Ok(Policy::TrivialAugment),
            ["randaugment", operations, magnitude] => {
                let operations: u8 = operations.parse().map_err(|_| wrong())?;
                let magnitude: u8 = magnitude.parse().map_err(|_| wrong())?;
                let possible = (1..=OPERATIONS as u8).contains(&operations) && magnitude < BINS;
                possible.then_some(Policy::RandAugment { operations, magnitude }).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::None => f.write_str("none"),
            Policy::RandAugment { operations, magnitude } => write!(f, "randaugment:{operations}:{magnitude}"),
            Policy::TrivialAugment => f.write_str("trivialaugment"),
        }
    }
}

impl TryFrom<String> for Policy {
    type Error = String;

    fn try_from(text: String) -> Result<Policy, String> {
        text.parse()
    }
}

impl From<Policy> for String {
    fn from(policy: Policy) -> String {
        policy.to_string()
    }
}
