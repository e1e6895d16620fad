//! Which network a row is about, so that rows of different tables meet, and what it is called in a figure.

use std::fmt;

use zoo_core::{Options, Plan, Registry};

use crate::train::settings::profile_index;

/// A network as every table of results names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Variant's name, as in the row.
    pub model: String,
    /// Name of its table; the model's own name where this program does not know it.
    pub family: String,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Side of the input in pixels.
    pub input_size: u32,
    /// Strides.
    pub profile: String,
}

impl Network {
    /// The network of a row.
    pub fn new(registry: &Registry, model: &str, axes: (f64, f64, u32), profile: &str) -> Network {
        let family = registry.find(model).map_or(model, |entry| entry.architecture.family);
        let (width, depth, input_size) = axes;
        Network { model: model.into(), family: family.into(), width, depth, input_size, profile: profile.into() }
    }

    /// What two rows about one network have in common, however its variant is called in them.
    pub fn identity(&self) -> String {
        format!("{} {} {} {} {}", self.family, self.width, self.depth, self.input_size, self.profile)
    }

    /// The outputs of the classifier that give it so many parameters, where they are not those that its variant has by
    /// itself; none, too, where this program does not know the network.
    pub fn classes_beside_own(&self, registry: &Registry, params: u64) -> Option<u32> {
        let own = registry.find(&self.model).ok()?.variant.options;
        let count = |classes: u32| self.cost(registry, classes).map(|(params, _)| params);
        // Parameters grow by the same number with each class.
        let one = count(1)?;
        let more = params.checked_sub(one)?;
        let classes = u32::try_from(more.checked_div(count(2)?.checked_sub(one)?)?.checked_add(1)?).ok()?;
        (classes != own.classes && count(classes)? == params).then_some(classes)
    }

    /// The variant's name, with those options that its name does not tell.
    pub fn title(&self) -> String {
        let mut title = self.model.clone();
        if self.width != 1.0 && !self.is_compound() && !self.model.ends_with(&format!("-{}", self.width)) {
            title += &format!(" x{} wide", self.width);
        }
        if self.depth != 1.0 && !self.is_compound() {
            title += &format!(" x{} deep", self.depth);
        }
        format!("{title}, {} px", self.input_size)
    }

    /// A short name for a single point: `V1 x0.75`, `EffNet-B0`.
    pub fn short_title(&self) -> String {
        let short = FamilyName::of(&self.family).short;
        let variant = self.model.rsplit(['-', '_']).next().filter(|name| name.starts_with('b')).unwrap_or_default();
        let times = |axis: f64, what: &str| {
            if axis == 1.0 || self.is_compound() { String::new() } else { format!(" x{axis}{what}") }
        };
        let variant = if self.family == "efficientnet" && !variant.is_empty() {
            format!("-{}", variant.to_uppercase())
        } else {
            String::new()
        };
        format!("{short}{variant}{}{}", times(self.width, ""), times(self.depth, " deep"))
    }

    /// Exact parameters and multiply-accumulates with so many classes; none where this program does not know the network,
    /// or it cannot be.
    pub fn cost(&self, registry: &Registry, classes: u32) -> Option<(u64, u64)> {
        let entry = registry.find(&self.model).ok()?;
        let profile = profile_index(&entry, &self.profile).ok()?;
        let (width, depth, input_size) = (self.width, self.depth, self.input_size);
        let options = Options { width, depth, input_size, profile, classes, ..entry.variant.options };
        Plan::new(entry.architecture, &options).ok().map(|plan| (plan.cost.params, plan.cost.macs))
    }

    /// Whether the name stands for a compound of width, depth and size, as B1 to B8 do.
    fn is_compound(&self) -> bool {
        let base = ["efficientnet-b0", "efficientnet-lite0", "tutorial-efficientnet-b0"];
        self.family.contains("efficientnet") && !base.contains(&self.model.as_str())
    }
}

/// How a family is called in figures: in full, and where there is little room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyName {
    /// In full.
    pub long: String,
    /// Where there is little room.
    pub short: String,
}

impl FamilyName {
    /// The name of `family`; a table of somebody else keeps the name it has.
    pub fn of(family: &str) -> FamilyName {
        let known = [
            ("mobilenet-v1", "MobileNetV1", "V1"),
            ("mobilenet-v2", "MobileNetV2", "V2"),
            ("mobilenet-v2-deep", "MobileNetV2 deep", "V2 deep"),
            ("mobilenet-v3-large", "MobileNetV3-Large", "V3-L"),
            ("mobilenet-v3-large-minimalistic", "V3-Large min.", "V3-L min."),
            ("mobilenet-v3-small", "MobileNetV3-Small", "V3-S"),
            ("mobilenet-v3-small-minimalistic", "V3-Small min.", "V3-S min."),
            ("efficientnet", "EfficientNet", "EffNet"),
            ("efficientnet-lite", "EfficientNet-Lite", "Lite"),
        ];
        let found = known.iter().find(|(name, ..)| *name == family);
        match found {
            Some((_, long, short)) => FamilyName { long: (*long).into(), short: (*short).into() },
            None => FamilyName { long: shortened(family), short: shortened(family) },
        }
    }
}

impl FamilyName {
    /// Both names, as a legend says them.
    pub fn in_full(&self) -> String {
        if self.long == self.short { self.long.clone() } else { format!("{} ({})", self.long, self.short) }
    }

    /// Whether the name is that of one network alone, which no multiplier scales in the papers.
    pub fn is_a_variant(&self) -> bool {
        self.long.ends_with("min.")
    }
}

impl fmt::Display for FamilyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.long)
    }
}

/// A name that a figure has room for.
fn shortened(name: &str) -> String {
    const MOST: usize = 24;
    if name.chars().count() <= MOST {
        return name.into();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

/// A data set as a heading names it.
pub fn dataset_title(dataset: &str) -> &str {
    match dataset {
        "imagenet" => "ImageNet",
        "cifar10" => "CIFAR-10",
        "imagenette" => "Imagenette",
        "synthetic" => "synthetic images",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_and_its_base_at_that_width_are_one_network() {
        let registry = Registry::default();
        let named = Network::new(&registry, "mobilenet-v1-0.5", (0.5, 1.0, 224), "native");
        let scaled = Network::new(&registry, "mobilenet-v1", (0.5, 1.0, 224), "native");
        assert_eq!(named.identity(), scaled.identity());
        assert_eq!(
            (named.title(), scaled.title()),
            ("mobilenet-v1-0.5, 224 px".into(), "mobilenet-v1 x0.5 wide, 224 px".into())
        );
    }

    #[test]
    fn what_a_compound_name_says_is_not_said_twice() {
        let registry = Registry::default();
        assert_eq!(
            Network::new(&registry, "efficientnet-b3", (1.2, 1.4, 300), "native").title(),
            "efficientnet-b3, 300 px"
        );
        assert_eq!(
            Network::new(&registry, "efficientnet-b0", (1.0, 4.0, 224), "native").title(),
            "efficientnet-b0 x4 deep, 224 px"
        );
    }

    #[test]
    fn the_number_of_classes_is_told_by_the_parameters_where_it_is_another_one() {
        let registry = Registry::default();
        let network = Network::new(&registry, "mobilenet-v1", (1.0, 1.0, 32), "stem1");
        let classes = |params| network.classes_beside_own(&registry, params);
        assert_eq!([3_217_226, 4_231_976, 3_217_227, 1].map(classes), [Some(10), None, None, None]);
        let unknown = Network::new(&registry, "my-net", (1.0, 1.0, 32), "native");
        assert_eq!(unknown.classes_beside_own(&registry, 3_217_226), None);
    }

    #[test]
    fn a_model_of_another_crate_keeps_its_row() {
        let network = Network::new(&Registry::default(), "my-net", (1.0, 1.0, 32), "native");
        assert_eq!((network.family.as_str(), FamilyName::of("my-net").long.as_str()), ("my-net", "my-net"));
    }
}
