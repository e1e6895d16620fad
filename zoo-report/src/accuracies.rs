//! What the tables know of the accuracies on one data set.
//!
//! Three of them tell accuracies, and they stay apart: what papers print, what runs here came to, and what deployed networks
//! came to, which alone know the numbers that were computed with.

use std::collections::BTreeMap;

use zoo_core::Registry;

use super::network::Network;
use super::observation::{classes_of, count, repeats};
use super::rows::Rows;
use zoo_data::sets;
use zoo_results::{deployed, status};

/// The numbers in which accuracies are trained and published.
pub const FULL: &str = "f32";
/// Numbers that change an accuracy so much that only a measurement tells it.
pub const QUANTIZED: &str = "int8";

/// An accuracy that was measured here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// In percent.
    pub top1: f64,
    /// Images that it was measured on; none for the whole test set.
    pub images: Option<u64>,
}

/// What the tables know of the accuracies on one data set.
#[derive(Debug)]
pub struct Accuracies<'a> {
    rows: &'a Rows,
    registry: &'a Registry,
    dataset: &'a str,
    /// The best mean over seeds of each network.
    runs: BTreeMap<String, f64>,
    /// Evaluations of deployed networks.
    deployed: Vec<&'a (Network, deployed::Row)>,
    /// The classes of the data set.
    all: Option<u32>,
    /// The images that an evaluation must be of to stand beside the others.
    images: Option<u64>,
}

impl<'a> Accuracies<'a> {
    /// Of `dataset`.
    pub fn new(rows: &'a Rows, registry: &'a Registry, dataset: &'a str) -> Accuracies<'a> {
        let mut runs: BTreeMap<String, f64> = BTreeMap::new();
        for group in repeats(&rows.runs) {
            let Some((_, (network, first))) = group.first() else { continue };
            if first.dataset != dataset || !first.is_of_all_tests() {
                continue;
            }
            let top1: Vec<f64> = group.iter().filter_map(|(_, (_, run))| run.top1).collect();
            let mean = top1.iter().sum::<f64>() / top1.len().max(1) as f64;
            let best = runs.entry(network.identity()).or_insert(mean);
            *best = best.max(mean);
        }
        let set = sets::named(dataset);
        let all = set.and_then(|set| set.classes).and_then(|classes| u32::try_from(classes).ok());
        let is_whole = |row: &deployed::Row| is_of_all_classes(row, all);
        let is_mine = |(_, row): &&(Network, deployed::Row)| row.dataset == dataset && status::is_done(&row.status);
        let deployed: Vec<&(Network, deployed::Row)> = rows.deployed.iter().filter(is_mine).collect();
        let known = set.and_then(|set| set.images).map(|[_, test]| test as u64);
        let whole = deployed.iter().filter(|(_, row)| is_whole(row));
        let images = known.or_else(|| whole.filter_map(|(_, row)| row.images).max());
        Accuracies { rows, registry, dataset, runs, deployed, all, images }
    }

    /// Whether a network with these MACs has the outputs of the data set.
    pub fn has_classifier(&self, network: &Network, macs: Option<u64>) -> bool {
        let expected = count(self.rows, self.registry, network, self.classes());
        expected.zip(macs).is_none_or(|((_, expected), macs)| expected == macs)
    }

    /// Outputs of a classifier for the data set: of a folder, those that runs on it had.
    pub fn classes(&self) -> u32 {
        let is_known = sets::named(self.dataset).is_some_and(|set| set.classes.is_some());
        let of_runs = self.rows.runs.iter().rev().find(|(_, run)| run.dataset == self.dataset);
        let told = of_runs.and_then(|(_, run)| run.classes);
        let told = told.or_else(|| self.deployed.iter().rev().find_map(|(_, row)| row.classes));
        told.filter(|_| !is_known).unwrap_or_else(|| classes_of(self.dataset))
    }

    /// What is published of a network: of several sources the first, which are the authors' own.
    pub fn published(&self, network: &Network) -> Option<f64> {
        let identity = network.identity();
        let mut mine = self.rows.published.iter().filter(|(other, row)| {
            row.dataset == self.dataset && other.as_ref().is_some_and(|other| other.identity() == identity)
        });
        mine.find_map(|(_, row)| row.top1)
    }

    /// What was measured here of a network on an engine in a number format.
    pub fn measured(&self, network: &Network, engine: &str, dtype: &str) -> Option<Measured> {
        let of = |wanted: &dyn Fn(&deployed::Row) -> bool| {
            let mut mine = self.of_network(network);
            let is_whole = |row: &deployed::Row| row.images == self.images && is_of_all_classes(row, self.all);
            mine.find_map(|row| row.top1.filter(|_| is_whole(row) && wanted(row)))
        };
        let set = sets::named(self.dataset);
        let part = self.images.filter(|_| set.is_none_or(|set| set.images.is_none()));
        let exact = of(&|row| (row.engine.as_str(), row.dtype.as_str()) == (engine, dtype));
        // In f32, all engines give the same logits, and bf16 rounds them by little.
        let alike = || of(&|row| row.dtype == FULL).filter(|_| dtype != QUANTIZED);
        let found = exact.or_else(alike).map(|top1| Measured { top1, images: part });
        let of_runs = || self.runs.get(&network.identity()).filter(|_| dtype != QUANTIZED);
        found.or_else(|| of_runs().map(|top1| Measured { top1: *top1, images: None }))
    }

    /// What a number format loses on an engine. Both sides are of the same images, so any number of them is a comparison, and
    /// the one of the most counts.
    pub fn drop(&self, network: &Network, engine: &str, dtype: &str) -> Option<f64> {
        let mine = self.of_network(network);
        let exact = mine.filter(|row| dtype != FULL && (row.engine.as_str(), row.dtype.as_str()) == (engine, dtype));
        let drops = exact.filter_map(|row| Some((row.images.unwrap_or(0), row.top1_f32? - row.top1?)));
        drops.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, drop)| drop)
    }

    /// The networks that were evaluated as they were deployed.
    pub fn deployed(&self) -> impl Iterator<Item = &'a Network> + '_ {
        self.deployed.iter().map(|(network, _)| network)
    }

    /// The evaluations of a network, the newest first.
    fn of_network(&self, network: &Network) -> impl Iterator<Item = &'a deployed::Row> + '_ {
        let identity = network.identity();
        let mine = self.deployed.iter().rev().filter(move |(other, _)| other.identity() == identity);
        mine.map(|(_, row)| row)
    }
}

/// Whether an evaluation is of all classes of its data set, as far as that is known.
fn is_of_all_classes(row: &deployed::Row, all: Option<u32>) -> bool {
    all.is_none() || row.classes.is_none() || row.classes == all
}
