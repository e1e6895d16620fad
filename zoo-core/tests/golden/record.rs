//! The files of golden values.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::places::Order;

/// What the libraries compute for a variant.
#[derive(Debug, Deserialize)]
pub struct Network {
    pub model: String,
    pub layouts: Vec<Layout>,
    pub cases: Vec<Case>,
}

/// A library's state dict: how many tensors it has, and the MD5 of the lines `key:shape` in that order.
#[derive(Debug, Deserialize)]
pub struct Layout {
    pub scheme: String,
    pub tensors: usize,
    pub md5: String,
    #[serde(default)]
    pub places: Order,
}

/// A forward pass in evaluation of two images.
#[derive(Debug, Deserialize)]
pub struct Case {
    pub library: String,
    pub input_size: u32,
    pub padding: Padding,
    /// None where there is no batch norm.
    pub bn_eps: Option<f64>,
    #[serde(default)]
    pub places: Order,
    /// Whether it takes so long that it runs only when asked.
    pub long: bool,
    /// What the formula's values are scaled by, see `fill`.
    pub gains: Vec<f64>,
    /// Of each image.
    pub logits: Vec<Vec<f64>>,
    /// Mean and deviation of each stage's output, both images together.
    pub stages: Vec<[f64; 2]>,
}

/// A training step without dropout and drop-path.
#[derive(Debug, Deserialize)]
pub struct Step {
    pub model: String,
    pub library: String,
    pub input_size: u32,
    pub batch: u32,
    pub padding: Padding,
    /// None where there is no batch norm.
    pub bn_eps: Option<f64>,
    #[serde(default)]
    pub places: Order,
    pub momentum: f64,
    pub gains: Vec<f64>,
    pub loss: f64,
    /// Norm of each gradient, and its product with the formula's numbers.
    pub gradients: Vec<[f64; 2]>,
    /// The same of each running mean and variance, behind the step.
    pub statistics: Vec<[f64; 2]>,
}

/// The word for a padding.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    Symmetric,
    Same,
}

impl From<Padding> for zoo_core::Padding {
    fn from(padding: Padding) -> zoo_core::Padding {
        match padding {
            Padding::Symmetric => zoo_core::Padding::Symmetric,
            Padding::Same => zoo_core::Padding::Same,
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder that can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// The golden values of one variant.
pub fn network(name: &str) -> Network {
    read(&folder().join(format!("{name}.json")))
}

/// The names of all variants that have golden values.
pub fn names() -> Vec<String> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    files(&folder()).into_iter().filter_map(stem).collect()
}

/// All golden training steps.
pub fn steps() -> Vec<Step> {
    files(&folder().join("steps")).iter().map(|path| read(path)).collect()
}
