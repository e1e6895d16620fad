//! Which part of the network a fine-tuning run leaves as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is frozen at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Freeze {
    /// Nothing.
    None,
    /// Everything but the classifier.
    Backbone,
    /// The stem and so many stages.
    Stages(u32),
}

impl FromStr for Freeze {
    type Err = String;

    fn from_str(text: &str) -> Result<Freeze, String> {
        let stages = text.strip_prefix("stages:").and_then(|number| number.parse().ok());
        match (text, stages) {
            ("none", _) => Ok(Freeze::None),
            ("backbone", _) => Ok(Freeze::Backbone),
            (_, Some(stages)) => Ok(Freeze::Stages(stages)),
            _ => Err(format!("unknown --freeze `{text}`; expected none, backbone or stages:N")),
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Freeze::None => f.write_str("none"),
            Freeze::Backbone => f.write_str("backbone"),
            Freeze::Stages(count) => write!(f, "stages:{count}"),
        }
    }
}

impl TryFrom<String> for Freeze {
    type Error = String;

    fn try_from(text: String) -> Result<Freeze, String> {
        text.parse()
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> String {
        freeze.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for freeze in [Freeze::None, Freeze::Backbone, Freeze::Stages(3)] {
            assert_eq!(freeze.to_string().parse(), Ok(freeze));
        }
        assert!("stages:-1".parse::<Freeze>().is_err() && "all".parse::<Freeze>().is_err());
    }
}
