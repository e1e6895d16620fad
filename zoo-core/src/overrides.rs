//! What is asked of a variant in place of its own options.

use crate::{Entry, InputSize, Options, Padding};

/// Options that are given, whoever gives them: flags, settings, a file of weights, a row of results. The variant has the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overrides<'a> {
    /// Width multiplier.
    pub width: Option<f64>,
    /// Depth multiplier.
    pub depth: Option<f64>,
    /// Name of the profile.
    pub profile: Option<&'a str>,
    /// Size of the input; its channels are the table's where it says none.
    pub input: Option<InputSize>,
    /// Number of classes.
    pub classes: Option<u32>,
    /// Probability of dropping a feature before the classifier.
    pub dropout: Option<f64>,
    /// Drop-path rate.
    pub drop_path: Option<f64>,
    /// Where strided convolutions put their padding.
    pub padding: Option<Padding>,
}

impl Overrides<'_> {
    /// The options of the variant `entry` with these in their place.
    ///
    /// # Errors
    /// Where its table has no such profile. Whether they give a network is for the plan to say.
    ///
    /// ```
    /// # use zoo_core::{Overrides, Registry};
    /// let entry = Registry::default().find("mobilenet-v2").unwrap();
    /// let options = Overrides { classes: Some(10), profile: Some("stem1"), ..Overrides::default() }.over(&entry).unwrap();
    /// assert_eq!((options.classes, options.profile, options.width), (10, 1, 1.0));
    /// ```
    pub fn over(&self, entry: &Entry) -> Result<Options, UnknownProfile> {
        let own = entry.variant.options;
        let options = Options {
            width: self.width.unwrap_or(own.width),
            depth: self.depth.unwrap_or(own.depth),
            classes: self.classes.unwrap_or(own.classes),
            profile: self.profile.map_or(Ok(own.profile), |name| entry.profile(name))?,
            dropout: self.dropout.unwrap_or(own.dropout),
            drop_path: self.drop_path.unwrap_or(own.drop_path),
            padding: self.padding.unwrap_or(own.padding),
            ..own
        };
        Ok(options.with_input(self.input.unwrap_or(own.input()), &entry.architecture.rules))
    }
}

impl Entry {
    /// The index of the profile of that name, for [`Options::profile`].
    ///
    /// # Errors
    /// Where the table has none; the message lists those that there are.
    pub fn profile(&self, name: &str) -> Result<u32, UnknownProfile> {
        let profiles = self.architecture.profiles;
        let unknown = || UnknownProfile { model: self.variant.name, name: name.into(), profiles };
        self.architecture.profile(name).ok_or_else(unknown)
    }
}

/// A name that no profile of a table has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{model} has no profile `{name}`: choose one of {} with --profile", profiles.join(", "))]
pub struct UnknownProfile {
    model: &'static str,
    name: String,
    profiles: &'static [&'static str],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageSize, Registry};

    #[test]
    fn what_is_not_given_is_the_variants_own() {
        for entry in Registry::default().entries() {
            assert_eq!(Overrides::default().over(&entry).unwrap(), entry.variant.options, "{}", entry.variant.name);
        }
    }

    #[test]
    fn what_is_given_takes_its_place() {
        let entry = Registry::default().find("efficientnet-b1").unwrap();
        let input = InputSize { in_channels: Some(1), image: ImageSize::square(96) };
        let given = Overrides {
            width: Some(0.5),
            depth: Some(2.0),
            profile: Some("stem1"),
            input: Some(input),
            classes: Some(7),
            dropout: Some(0.25),
            drop_path: Some(0.125),
            padding: Some(Padding::Same),
        };
        let options = given.over(&entry).unwrap();
        assert_eq!((options.width, options.depth, options.profile, options.input()), (0.5, 2.0, 1, input));
        assert_eq!((options.classes, options.dropout, options.drop_path), (7, 0.25, 0.125));
        assert_eq!(options.padding, Padding::Same);
        // The table's own channels are not said twice.
        let own = InputSize { in_channels: Some(3), ..input };
        assert_eq!(Overrides { input: Some(own), ..given }.over(&entry).unwrap().in_channels, None);
        let error = Overrides { profile: Some("stem2"), ..given }.over(&entry).unwrap_err().to_string();
        assert!(error.starts_with("efficientnet-b1 has no profile `stem2`: choose one of native, stem1"), "{error}");
    }
}
