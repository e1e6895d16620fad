//! What torchvision and timm call the networks of the zoo, how theirs differ, and the files that torchvision publishes.
//!
//! Owns the tables `libraries.csv` and `torchvision.csv`, which `scripts/pretrained.py` makes from the libraries
//! themselves. A checkpoint says by such a name which network it holds, and an export for which it is.

use std::path::Path;

use serde::Deserialize;
use zoo_core::weights::{Scheme, TrainedWith, interpolation, padding};

use super::pretrained::{Source, listing};

const NAMES: &str = include_str!("libraries.csv");
const FILES: &str = include_str!("torchvision.csv");

/// Which network weights are for, and what else is known of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Our variant.
    pub model: String,
    /// Padding, epsilon and how images are prepared.
    pub trained_with: TrainedWith,
}

/// A name that a library has for a network: a row of the table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct LibraryName {
    /// The name.
    pub name: String,
    library: String,
    /// Our variant.
    pub model: String,
    padding: String,
    /// Epsilon of the norms.
    pub bn_eps: f64,
    /// timm's name of the only weights that ever had that name.
    weights: String,
}

/// A file that torchvision publishes.
#[derive(Clone, Debug, Deserialize)]
struct Published {
    file: String,
    model: String,
    resize: u32,
    crop: u32,
    interpolation: String,
    mean: String,
    std: String,
    bn_eps: f64,
}

impl LibraryName {
    /// All rows; timm's own training goes before TensorFlow's.
    pub fn all() -> Vec<LibraryName> {
        csv::Reader::from_reader(NAMES.as_bytes()).deserialize().flatten().collect()
    }

    /// The network of the variant `model` in the library of `scheme`, by the name that one should use.
    pub fn of(scheme: Scheme, model: &str) -> Option<LibraryName> {
        LibraryName::all().into_iter().find(|row| row.library == scheme.name() && row.model == model)
    }

    /// What the network has unless it is told otherwise.
    pub fn trained_with(&self) -> TrainedWith {
        TrainedWith { padding: padding(&self.padding), bn_eps: Some(self.bn_eps), ..TrainedWith::default() }
    }

    /// What the network is run and its images are prepared with: those of the weights that timm gives by that name.
    fn habit(&self) -> TrainedWith {
        let weights = if self.weights.is_empty() { &self.name } else { &self.weights };
        let usual = Source::all().into_iter().find(|source| is_tag_of(source.name(), weights));
        usual
            .filter(|_| self.library == Scheme::Timm.name())
            .map_or_else(|| self.trained_with(), |source| source.trained_with().or(self.trained_with()))
    }
}

/// Whether `weights`, timm's name of some, is `name` or has it before its dot.
fn is_tag_of(weights: &str, name: &str) -> bool {
    weights == name || weights.split_once('.').is_some_and(|(before, _)| before == name)
}

/// The variant that a library's `name` stands for, with timm's tag behind it or without. One's own name counts, too.
pub fn model_of(name: &str) -> Option<String> {
    let before = name.split_once('.').map_or(name, |(before, _)| before);
    LibraryName::all().into_iter().find(|row| row.name == before).map(|row| row.model)
}

/// What is known of weights by the `name` of their network and whoever named their tensors.
pub fn known_by_name(name: &str, scheme: Scheme) -> TrainedWith {
    if let Some(source) = Source::all().into_iter().find(|source| scheme == Scheme::Timm && source.name() == name) {
        return source.trained_with();
    }
    let before = name.split_once('.').map_or(name, |(before, _)| before);
    let row = LibraryName::all().into_iter().find(|row| row.library == scheme.name() && row.name == before);
    row.map_or_else(TrainedWith::default, |row| row.habit())
}

/// What is known of a file that torchvision or timm published, by its name or its place in the cache of the hub.
pub fn known_by_file(path: &Path) -> Option<Known> {
    let stem = path.file_stem()?.to_str()?;
    let folders: Vec<&str> = path.parent().into_iter().flat_map(Path::iter).filter_map(|part| part.to_str()).collect();
    let of_timm = |source: &Source| {
        let cache = format!("models--{}", source.repository.replace('/', "--"));
        source.name() == stem || (!source.file.is_empty() && source.file == stem) || folders.contains(&cache.as_str())
    };
    if let Some(source) = Source::all().into_iter().find(of_timm) {
        return Some(Known { model: source.model.clone(), trained_with: source.trained_with() });
    }
    let files = csv::Reader::from_reader(FILES.as_bytes()).into_deserialize::<Published>().flatten();
    files.into_iter().find(|file| file.file == stem).map(|file| Known {
        trained_with: TrainedWith {
            padding: padding("symmetric"),
            bn_eps: Some(file.bn_eps),
            mean: listing(&file.mean),
            std: listing(&file.std),
            resize: Some(Some(file.resize)),
            crop: Some(file.crop.into()),
            interpolation: interpolation(&file.interpolation),
        },
        model: file.model,
    })
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;
    use zoo_core::plan::Padding;
    use zoo_core::weights::Interpolation;

    use super::*;

    #[test]
    fn every_row_makes_sense() -> Result<(), zoo_core::UnknownModel> {
        let registry = Registry::with(&[]);
        assert_eq!(LibraryName::all().len(), NAMES.lines().count() - 1, "a row does not parse");
        for row in LibraryName::all() {
            registry.find(&row.model)?;
            assert!(padding(&row.padding).is_some() && Scheme::by_name(&row.library).is_some(), "{row:?}");
            assert!(
                row.weights.is_empty() || Source::all().iter().any(|source| source.name() == row.weights),
                "{row:?}"
            );
        }
        for line in FILES.lines().skip(1) {
            let name = format!("{}.pth", line.split(',').next().unwrap_or_default());
            let known = known_by_file(Path::new(&name)).unwrap_or_else(|| panic!("{line}"));
            registry.find(&known.model)?;
            let TrainedWith { mean, std, interpolation, .. } = known.trained_with;
            assert!(mean.is_some() && std.is_some() && interpolation.is_some(), "{line}");
        }
        Ok(())
    }

    #[test]
    fn names_of_networks_tell_variant_padding_and_preparation() {
        let tells = |name: &str| {
            let known = known_by_name(name, Scheme::Timm);
            (model_of(name).unwrap_or_default(), known.padding, known.bn_eps, known.mean.map(|mean| mean[0]))
        };
        let (same, symmetric) = (Some(Padding::Same), Some(Padding::Symmetric));
        assert_eq!(tells("tf_efficientnet_b0"), ("efficientnet-b0".into(), same, Some(1e-3), Some(0.485)));
        assert_eq!(tells("tf_efficientnet_b0.ap_in1k"), ("efficientnet-b0".into(), same, Some(1e-3), Some(0.5)));
        assert_eq!(tells("tf_efficientnet_b0_ap"), ("efficientnet-b0".into(), same, Some(1e-3), Some(0.5)));
        assert_eq!(tells("mobilenetv2_100"), ("mobilenet-v2".into(), symmetric, Some(1e-5), Some(0.485)));
        let minimal = ("mobilenet-v3-small-minimalistic".into(), same, Some(1e-3), Some(0.5));
        assert_eq!(tells("tf_mobilenetv3_small_minimal_100"), minimal);
        assert_eq!(tells("efficientnet_lite0").0, "efficientnet-lite0");
        assert_eq!(tells("efficientnet_b7"), ("efficientnet-b7".into(), symmetric, Some(1e-5), None));
        assert_eq!(tells("efficientnetv2_l"), ("efficientnet-v2-l".into(), symmetric, Some(1e-5), None));
        assert_eq!(tells("convnext_tiny"), ("convnext-tiny".into(), symmetric, Some(1e-6), Some(0.485)));
        assert_eq!(known_by_name("efficientnet_v2_l", Scheme::Torchvision).bn_eps, Some(1e-3));
        assert_eq!(model_of("resnet152"), None);
        // The same word of two libraries.
        assert_eq!(known_by_name("efficientnet_b5", Scheme::Torchvision).bn_eps, Some(1e-3));
        assert_eq!(known_by_name("efficientnet_b5", Scheme::Timm).bn_eps, Some(1e-5));
    }

    #[test]
    fn files_of_the_libraries_are_known_by_their_names() {
        let tells = |name: &str| {
            let known = known_by_file(Path::new(name))?;
            Some((
                known.model,
                known.trained_with.resize??,
                known.trained_with.crop?.shorter(),
                known.trained_with.interpolation?,
            ))
        };
        let (linear, cubic) = (Interpolation::Bilinear, Interpolation::Bicubic);
        let tells = |name: &str| tells(name).unwrap_or_else(|| panic!("{name} is not known"));
        assert_eq!(tells("a/mobilenet_v2-7ebf99e0.pth"), ("mobilenet-v2".into(), 232, 224, linear));
        assert_eq!(tells("mobilenet_v2-b0353104.pth"), ("mobilenet-v2".into(), 256, 224, linear));
        assert_eq!(tells("efficientnet_b1-c27df63c.safetensors"), ("efficientnet-b1".into(), 255, 240, linear));
        // timm has it, too, and prepares images otherwise.
        assert_eq!(tells("resnet50-11ad3fa6.pth"), ("resnet-50".into(), 232, 224, linear));
        let large = known_by_file(Path::new("efficientnet_v2_l-59c71312.pth")).map(|known| known.trained_with.mean);
        assert_eq!(large, Some(Some([0.5; 3])));
        assert_eq!(tells("tf_efficientnet_b0_ap-f262efe1.pth"), ("efficientnet-b0".into(), 256, 224, cubic));
        assert_eq!(tells("efficientnet_b1.ft_in1k.safetensors"), ("efficientnet-b1".into(), 256, 224, cubic));
        let cached = "hub/models--timm--tf_efficientnet_lite0.in1k/snapshots/0123/model.safetensors";
        assert_eq!(tells(cached), ("efficientnet-lite0".into(), 256, 224, cubic));
        assert_eq!(known_by_file(Path::new("best.safetensors")), None);
    }
}
