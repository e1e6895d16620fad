//! The architectures that a program knows, and finding a variant by its name.

use crate::{Architecture, Variant, arch};

/// Architectures in the order they are listed.
#[derive(Clone, Debug)]
pub struct Registry {
    architectures: Vec<&'static Architecture>,
}

/// A variant with the table it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The table.
    pub architecture: &'static Architecture,
    /// The row of its variants.
    pub variant: &'static Variant,
}

/// A name that no variant has.
#[derive(Debug, thiserror::Error)]
#[error("unknown model `{name}`{}; `list` shows all names", suggestion(.nearest))]
pub struct UnknownModel {
    name: String,
    nearest: Option<&'static str>,
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

impl Default for Registry {
    /// The tables of this crate.
    fn default() -> Registry {
        Registry {
            architectures: vec![
                &arch::MOBILENET_V1,
                &arch::MOBILENET_V2,
                &arch::MOBILENET_V2_DEEP,
                &arch::MOBILENET_V3_LARGE,
                &arch::MOBILENET_V3_LARGE_MINIMALISTIC,
                &arch::MOBILENET_V3_SMALL,
                &arch::MOBILENET_V3_SMALL_MINIMALISTIC,
                &arch::MOBILENET_V4_CONV_SMALL,
                &arch::MOBILENET_V4_CONV_MEDIUM,
                &arch::MOBILENET_V4_CONV_LARGE,
                &arch::EFFICIENTNET,
                &arch::EFFICIENTNET_LITE,
                &arch::EFFICIENTNET_V2_S,
                &arch::EFFICIENTNET_V2_M,
                &arch::EFFICIENTNET_V2_L,
                &arch::MNASNET,
                &arch::SHUFFLENET_V2,
                &arch::GHOSTNET,
                &arch::RESNET,
                &arch::RESNET_BOTTLENECK,
                &arch::REGNET_Y,
                &arch::REGNET_Y_800MF,
                &arch::CONVNEXT,
                &arch::CONVNEXT_NANO,
                &arch::TUTORIAL_MOBILENET_V1,
                &arch::TUTORIAL_MOBILENET_V2,
                &arch::TUTORIAL_MOBILENET_V3_LARGE,
                &arch::TUTORIAL_MOBILENET_V3_SMALL,
                &arch::TUTORIAL_EFFICIENTNET,
            ],
        }
    }
}

impl Registry {
    /// The tables of this crate, and behind them those of the caller.
    pub fn with(extra: &[&'static Architecture]) -> Registry {
        let mut registry = Registry::default();
        registry.architectures.extend_from_slice(extra);
        registry
    }

    /// Every variant, table by table.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.architectures
            .iter()
            .flat_map(|&architecture| architecture.variants.iter().map(move |variant| Entry { architecture, variant }))
    }

    /// The variant of that name.
    ///
    /// # Errors
    /// Where there is none; the message offers the nearest name.
    ///
    /// ```
    /// let registry = zoo_core::Registry::default();
    /// let error = registry.find("mobilnet-v2").unwrap_err().to_string();
    /// assert!(error.contains("did you mean `mobilenet-v2`?"));
    /// ```
    pub fn find(&self, name: &str) -> Result<Entry, UnknownModel> {
        if let Some(entry) = self.entries().find(|entry| entry.variant.name == name) {
            return Ok(entry);
        }
        let nearest = nearest(name, self.entries().map(|entry| entry.variant.name));
        Err(UnknownModel { name: name.into(), nearest })
    }
}

/// Which of the `known` names may have been meant by `name`, if any is near.
///
/// ```
/// assert_eq!(zoo_core::nearest("widht", ["width", "depth"].into_iter()), Some("width"));
/// ```
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known.map(|other| (strsim::osa_distance(name, other), other)).min()?;
    (distance <= 1 + name.len() / 3).then_some(nearest)
}
