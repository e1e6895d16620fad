//! Mirroring: in which epochs an image is seen the other way round.

use serde::{Deserialize, Serialize};

/// When an image is mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "&'static str")]
pub enum Flip {
    /// Never.
    None,
    /// In each epoch by chance, as torchvision does and the papers did.
    Random,
    /// In every other epoch, from the first or the second on by chance. Drawn anew each time, an image would be seen the
    /// same way in half of all pairs of successive epochs, which teaches less (Jordan, "94% on CIFAR-10 in 3.29 Seconds on
    /// a Single GPU", 2024: alternating flip).
    #[default]
    Alternating,
}

impl Flip {
    /// Whether an image is mirrored in `epoch`. `random` gives the image's random number in an epoch; its highest bit counts.
    pub fn mirrors(self, epoch: u64, random: impl Fn(u64) -> u64) -> bool {
        match self {
            Flip::None => false,
            Flip::Random => random(epoch) >> 63 == 1,
            Flip::Alternating => (random(0) >> 63) ^ (epoch & 1) == 1,
        }
    }
}

impl From<Flip> for &'static str {
    fn from(flip: Flip) -> &'static str {
        match flip {
            Flip::None => "none",
            Flip::Random => "random",
            Flip::Alternating => "alternating",
        }
    }
}

impl TryFrom<toml::Value> for Flip {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Flip, String> {
        match (value.as_bool(), value.as_str()) {
            (Some(false), _) | (_, Some("none")) => Ok(Flip::None),
            (_, Some("random")) => Ok(Flip::Random),
            (Some(true), _) | (_, Some("alternating")) => Ok(Flip::Alternating),
            _ => Err(format!("unknown flip {value}; expected one of \"none\", \"random\", \"alternating\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_switch_says_which() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct File {
            flip: Flip,
        }
        let read = |text: &str| toml::from_str::<File>(text).map(|file| file.flip);
        for flip in [Flip::None, Flip::Random, Flip::Alternating] {
            assert_eq!(read(&toml::to_string(&File { flip }).unwrap()), Ok(flip));
        }
        assert_eq!([read("flip = true"), read("flip = false")], [Ok(Flip::Alternating), Ok(Flip::None)]);
        let error = read("flip = \"often\"").unwrap_err().to_string();
        assert!(error.contains("unknown flip \"often\"; expected one of \"none\""), "{error}");
    }
}
