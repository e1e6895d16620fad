//! Policies of augmentation: how operations on images are chosen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
pub const BINS: u8 = 31;
/// Operations there are.
pub const OPERATIONS: usize = 14;
impl Policy {
    /// Whether it leaves images alone.
    pub fn is_none(&self) -> bool {
        *self == Policy::None
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Policy, String> {
        let wrong = || {
            format!(
                "unknown augmentation `{text}`; expected none, trivialaugment or randaugment:N:M, with N operations (1 to \
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
