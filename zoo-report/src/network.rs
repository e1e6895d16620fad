//! Which network a row is about, so that rows of different tables meet, and what it is called in a figure.

use zoo_core::{InputSize, Overrides, Plan, Registry};

use super::family::Family;

use zoo_data::sets;

/// A network as every table of results names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Variant's name, as in the row.
    pub model: String,
    /// Its family.
    pub family: Family,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Size of the input.
    pub input_size: InputSize,
    /// Strides.
    pub profile: String,
    /// What its variant has in the table's cells, where variants are no multiples of one another.
    pub varied: Vec<u32>,
}

impl Network {
    /// The network of a row.
    pub fn new(registry: &Registry, model: &str, axes: (f64, f64, impl Into<InputSize>), profile: &str) -> Network {
        let family = Family::of(registry, model);
        let (width, depth, input_size) = axes;
        let input_size = input_size.into();
        let varied = registry.find(model).map_or_else(|_| Vec::new(), |entry| entry.variant.options.varied.to_vec());
        Network { model: model.into(), family, width, depth, input_size, profile: profile.into(), varied }
    }

    /// Side of its input in pixels; of one that is not square, that of the square with as many.
    pub fn side(&self) -> f64 {
        self.input_size.image.mean_side()
    }

    /// What two rows about one network have in common, however its variant is called in them.
    pub fn identity(&self) -> String {
        format!(
            "{} {:?} {} {} {} {}",
            self.family.name, self.varied, self.width, self.depth, self.input_size, self.profile
        )
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
        let times = |axis: f64, what: &str| {
            if axis == 1.0 || self.is_compound() { String::new() } else { format!(" x{axis}{what}") }
        };
        let short = &self.family.short;
        format!("{short}{}{}{}", self.letter(), times(self.width, ""), times(self.depth, " deep"))
    }

    /// What tells a variant of a compound family from the others: `-B3` of `efficientnet-b3`.
    fn letter(&self) -> String {
        let variant = self.model.rsplit(['-', '_']).next().filter(|name| self.family.compound && name.starts_with('b'));
        variant.map_or_else(String::new, |name| format!("-{}", name.to_uppercase()))
    }

    /// Exact parameters and multiply-accumulates with so many classes; none where this program does not know the network,
    /// or it cannot be.
    pub fn cost(&self, registry: &Registry, classes: u32) -> Option<(u64, u64)> {
        let entry = registry.find(&self.model).ok()?;
        let given = Overrides {
            width: Some(self.width),
            depth: Some(self.depth),
            profile: Some(&self.profile),
            input: Some(self.input_size),
            classes: Some(classes),
            ..Overrides::default()
        };
        let options = given.over(&entry).ok()?;
        Plan::new(entry.architecture, &options).ok().map(|plan| (plan.cost.params, plan.cost.macs))
    }

    /// Whether the name stands for a compound of width, depth and size, as B1 to B8 do.
    fn is_compound(&self) -> bool {
        self.family.compound && self.model != self.family.base
    }
}

/// A data set as a heading names it.
pub fn dataset_title(dataset: &str) -> &str {
    // A folder is known by its own name.
    sets::named(dataset).filter(|set| set.name == dataset).map_or(dataset, |set| set.title)
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
    fn variants_that_differ_in_cells_alone_are_two_networks() {
        let registry = Registry::default();
        let network = |model| Network::new(&registry, model, (1.0, 1.0, 224), "native").identity();
        assert_ne!(network("resnet-18"), network("resnet-34"));
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
        assert_eq!((network.family.name.as_str(), network.family.title.as_str()), ("my-net", "my-net"));
    }
}
