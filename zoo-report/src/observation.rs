//! Accuracies as a figure needs them: runs that differ in their seed alone made one, and beside each its costs.

use std::collections::{BTreeMap, BTreeSet};

use zoo_core::Registry;

use super::latencies::{Newest, main_condition};
use super::network::Network;
use super::origin::run_name;
use super::rows::{Condition, Count, Published, Rows};
use super::run::{Recipe, Run};
use zoo_data::{imagenet, sets};
use zoo_results::status;

/// Where an accuracy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Trained and evaluated here.
    Measured,
    /// Printed by somebody else.
    Published,
}

/// An accuracy with what the network costs.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Identifies its row in the page's table.
    pub id: String,
    /// Where it comes from.
    pub kind: Kind,
    /// The network; published accuracies of networks that the source does not describe have none.
    pub network: Option<Network>,
    /// Variant's name.
    pub model: String,
    /// Name of the data set.
    pub dataset: String,
    /// Passes over the training set.
    pub epochs: Option<f64>,
    /// How it was trained; published ones do not tell.
    pub recipe: Recipe,
    /// Accuracy in percent, the mean of its runs.
    pub top1: f64,
    /// That of averaged weights, where all its runs keep them.
    pub top1_ema: Option<f64>,
    /// One standard deviation over seeds, where there are at least two.
    pub deviation: Option<f64>,
    /// Trainable parameters.
    pub params: Option<f64>,
    /// Multiply-accumulates for one image.
    pub macs: Option<f64>,
    /// Median latency in milliseconds under [`Observations::condition`].
    pub latency: Option<f64>,
    /// The set it is published in; rows of one set may be joined by a line.
    pub set: String,
    /// Names of the runs, or the source with its table.
    pub names: Vec<String>,
    /// The table of a paper that it stands in; nothing for ours.
    pub table: String,
    /// What it is of, where that is less than the data set or more than training on it; see [`Run::apart`].
    pub apart: String,
    /// Position of its newest row in the table.
    pub newest: usize,
}

/// All accuracies, and how the latencies beside them were measured.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// In the order of the tables.
    pub all: Vec<Observation>,
    /// The condition that the latencies share.
    pub condition: Option<Condition>,
}

impl Observation {
    /// What two accuracies must have in common to be on one line: the passes over the training set, and the recipe.
    pub fn terms(&self) -> (String, &Recipe) {
        (self.epochs.map(|epochs| rounded(epochs, 2)).unwrap_or_default(), &self.recipe)
    }

    /// One line that tells a reader all of it.
    pub fn title(&self) -> String {
        let network = self.network.as_ref().map_or_else(|| self.model.clone(), Network::title);
        let deviation = self.deviation.map(|value| format!(" ± {value:.2}")).unwrap_or_default();
        let mut parts = vec![format!("{network}: {:.2}{deviation} % top-1", self.top1)];
        parts.extend(self.macs.map(|macs| format!("{} MACs", scaled(macs))));
        parts.extend(self.params.map(|params| format!("{} parameters", scaled(params))));
        parts.extend(self.latency.map(|latency| format!("{latency:.2} ms")));
        parts.extend(Some(&self.apart).filter(|apart| !apart.is_empty()).cloned());
        parts.extend(self.epochs.map(|epochs| format!("{} epochs", rounded(epochs, 2))));
        parts.extend(Some(&self.recipe.hash).filter(|hash| !hash.is_empty()).map(|hash| format!("recipe {hash}")));
        format!("{} ({})", parts.join(", "), self.names.join(", "))
    }
}

/// Gathers the accuracies of `rows`.
pub fn observe(rows: &Rows, registry: &Registry) -> Observations {
    let condition = main_condition(rows);
    let costs = Costs::new(rows, registry, condition.as_ref());
    let repeats = repeats(&rows.runs);
    let mut all: Vec<Observation> = repeats.iter().filter_map(|runs| measured(runs, &rows.runs, &costs)).collect();
    all.extend(rows.published.iter().filter_map(|(network, row)| published(network.as_ref(), row, &costs)));
    for (number, observation) in all.iter_mut().enumerate() {
        observation.id = format!("a{number}");
    }
    Observations { all, condition }
}

fn measured(runs: &[Repeat<'_>], all: &[(Network, Run)], costs: &Costs<'_>) -> Option<Observation> {
    let (_, (network, first)) = runs.first()?;
    let top1: Vec<f64> = runs.iter().filter_map(|(_, (_, run))| run.top1).collect();
    let averaged: Vec<f64> = runs.iter().filter_map(|(_, (_, run))| run.top1_ema).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let squares = top1.iter().map(|value| (value - mean(&top1)).powi(2)).sum::<f64>();
    Some(Observation {
        id: String::new(),
        kind: Kind::Measured,
        network: Some(network.clone()),
        model: network.model.clone(),
        dataset: first.dataset.clone(),
        epochs: Some(first.epochs),
        recipe: first.recipe.clone(),
        top1: mean(&top1),
        top1_ema: (averaged.len() == runs.len()).then(|| mean(&averaged)),
        deviation: (top1.len() > 1).then(|| (squares / (top1.len() - 1) as f64).sqrt()),
        params: Some(first.params as f64),
        macs: Some(first.macs as f64),
        latency: costs.latencies.ms(network, Some(first.macs)),
        set: "measured".into(),
        names: runs.iter().map(|(_, (_, run))| run_name(all, run)).collect(),
        table: String::new(),
        apart: first.apart(),
        newest: runs.iter().map(|(place, _)| *place).max().unwrap_or_default(),
    })
}

fn published(network: Option<&Network>, row: &Published, costs: &Costs<'_>) -> Option<Observation> {
    let counted = network.and_then(|network| costs.count(network, &row.dataset));
    Some(Observation {
        id: String::new(),
        kind: Kind::Published,
        network: network.cloned(),
        model: row.model.clone(),
        dataset: row.dataset.clone(),
        epochs: row.epochs,
        recipe: Recipe::default(),
        top1: row.top1?,
        top1_ema: None,
        deviation: None,
        params: counted.map(|(params, _)| params as f64).or(row.params_m.map(|millions| millions * 1e6)),
        macs: counted.map(|(_, macs)| macs as f64).or(row.macs_m.map(|millions| millions * 1e6)),
        latency: network.and_then(|network| costs.latencies.ms(network, counted.map(|(_, macs)| macs))),
        set: format!("{} of {}", row.file, row.source),
        names: vec![format!("{}, {}", row.source, row.table)],
        table: row.table.clone(),
        apart: String::new(),
        newest: 0,
    })
}

/// A run with its place in the table.
pub type Repeat<'a> = (usize, &'a (Network, Run));

/// Runs that are repeats of each other: all the same but for the seed. Where a seed comes twice, the settings must differ
/// in something that the table does not show, so each run stays alone.
pub fn repeats(runs: &[(Network, Run)]) -> Vec<Vec<Repeat<'_>>> {
    let mut groups: BTreeMap<String, Vec<Repeat<'_>>> = BTreeMap::new();
    let mut order = Vec::new();
    let done = |(_, (_, run)): &Repeat<'_>| status::is_done(&run.status) && run.top1.is_some();
    for row in runs.iter().enumerate().filter(done) {
        let (_, (network, run)) = row;
        let Recipe { hash, batch_size, dtype, test_time_flip } = &run.recipe;
        let apart = run.apart();
        let recipe = format!("{hash} {} {dtype} {test_time_flip} {apart}", batch_size.unwrap_or(0));
        let key = format!("{} {} {:.3} {} {recipe}", network.identity(), run.dataset, run.epochs, run.steps);
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(row);
    }
    let alone = |group: &[Repeat<'_>]| {
        let seeds: BTreeSet<Option<u64>> = group.iter().map(|(_, (_, run))| run.seed).collect();
        seeds.len() < group.len()
    };
    let mut repeats = Vec::new();
    for group in order.iter().filter_map(|key| groups.get(key)) {
        if alone(group) {
            repeats.extend(group.iter().map(|row| vec![*row]));
        } else {
            repeats.push(group.clone());
        }
    }
    repeats
}

/// Counts and latencies by network.
struct Costs<'a> {
    rows: &'a Rows,
    registry: &'a Registry,
    latencies: Newest<'a>,
}

impl<'a> Costs<'a> {
    fn new(rows: &'a Rows, registry: &'a Registry, condition: Option<&Condition>) -> Costs<'a> {
        let latencies = condition.map(|condition| Newest::of(rows, condition)).unwrap_or_default();
        Costs { rows, registry, latencies }
    }

    fn count(&self, network: &Network, dataset: &str) -> Option<(u64, u64)> {
        count(self.rows, self.registry, network, classes_of(dataset))
    }
}

/// Outputs of a classifier for a data set; of one with no number of its own, those of ImageNet.
pub fn classes_of(dataset: &str) -> u32 {
    sets::named(dataset).and_then(|set| set.classes).unwrap_or(imagenet::count()) as u32
}

/// Exact parameters and multiply-accumulates of a network: as its plan has them, or as a table of counts does where this
/// program does not know the network.
pub fn count(rows: &Rows, registry: &Registry, network: &Network, classes: u32) -> Option<(u64, u64)> {
    let counted = || {
        let mut counts = rows.counts.iter().rev();
        let is_mine = |other: &Network, row: &Count| {
            other.identity() == network.identity() && row.classes.unwrap_or(1000) == classes
        };
        counts.find(|(other, row)| is_mine(other, row)).map(|(_, row)| (row.params, row.macs))
    };
    network.cost(registry, classes).or_else(counted)
}

/// A count with the letter of its thousands, such as `300.8 M`.
pub fn scaled(value: f64) -> String {
    let (divisor, letter) = match value {
        value if value >= 1e9 => (1e9, " G"),
        value if value >= 1e6 => (1e6, " M"),
        value if value >= 1e3 => (1e3, " k"),
        _ => (1.0, ""),
    };
    let short = value / divisor;
    let digits = if short >= 100.0 { 1 } else { 2 };
    format!("{short:.digits$}{letter}")
}

/// A number with at most `digits` decimals, and none that are zero.
pub fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Environment;
    use crate::run::Part;

    fn run(name: &str, seed: u64, epochs: f64, top1: f64, status: &str) -> (Network, Run) {
        let network = Network::new(&Registry::default(), "mobilenet-v2", (1.0, 1.0, 32), "stem1");
        let run = Run {
            run: name.into(),
            params: 2_236_682,
            macs: 24_461_312,
            epochs,
            steps: 100,
            top1: Some(top1),
            top1_ema: None,
            status: status.into(),
            dataset: "cifar10".into(),
            seed: Some(seed),
            classes: Some(10),
            part: Part::default(),
            recipe: Recipe::default(),
            config_hash: String::new(),
            command: String::new(),
            environment: Environment::default(),
        };
        (network, run)
    }

    fn tops(rows: Vec<(Network, Run)>) -> Vec<(f64, bool, usize)> {
        let rows = Rows { runs: rows, ..Rows::default() };
        let observed = observe(&rows, &Registry::default());
        observed.all.iter().map(|found| (found.top1, found.deviation.is_some(), found.names.len())).collect()
    }

    #[test]
    fn seeds_are_averaged_and_other_epochs_are_not() {
        let rows =
            vec![run("a", 0, 10.0, 80.0, "done"), run("b", 1, 10.0, 82.0, "done"), run("c", 0, 30.0, 90.0, "done")];
        assert_eq!(tops(rows), [(81.0, true, 2), (90.0, false, 1)]);
    }

    #[test]
    fn a_seed_that_comes_twice_means_other_settings() {
        assert_eq!(
            tops(vec![run("a", 0, 10.0, 80.0, "done"), run("b", 0, 10.0, 82.0, "done")]),
            [(80.0, false, 1), (82.0, false, 1)]
        );
    }

    #[test]
    fn runs_of_other_recipes_are_no_repeats() {
        for change in [
            |recipe: &mut Recipe| recipe.hash = "0a".into(),
            |recipe: &mut Recipe| recipe.batch_size = Some(64),
            |recipe: &mut Recipe| recipe.dtype = "bf16".into(),
            |recipe: &mut Recipe| recipe.test_time_flip = true,
        ] {
            let mut other = run("b", 1, 10.0, 82.0, "done");
            change(&mut other.1.recipe);
            assert_eq!(tops(vec![run("a", 0, 10.0, 80.0, "done"), other]).len(), 2);
        }
    }

    #[test]
    fn a_run_that_did_not_end_is_no_accuracy_and_one_that_stopped_early_is() {
        let rows = vec![run("a", 0, 10.0, 80.0, "interrupted"), run("b", 0, 7.0, 79.0, "stopped early")];
        assert_eq!(tops(rows), [(79.0, false, 1)]);
    }

    #[test]
    fn a_published_accuracy_stands_at_the_macs_of_its_plan_whatever_tables_there_are() {
        let network = |model: &str| Network::new(&Registry::default(), model, (1.0, 1.0, 32), "cifar");
        let row = |model: &str| Published {
            model: model.into(),
            dataset: "cifar10".into(),
            top1: Some(94.0),
            macs_m: Some(90.0),
            ..Published::default()
        };
        let macs = |model: &str, counts: &[(Network, Count)]| {
            let published = vec![(Some(network(model)), row(model))];
            let rows = Rows { published, counts: counts.to_vec(), ..Rows::default() };
            observe(&rows, &Registry::default()).all[0].macs
        };
        let exact = network("mobilenet-v2").cost(&Registry::default(), 10).map(|(_, macs)| macs as f64);
        assert!(exact.is_some_and(|exact| exact > 80e6 && exact < 100e6), "{exact:?}");
        assert_eq!(macs("mobilenet-v2", &[]), exact);
        // What this program cannot count is as a table has it, and else as it is printed.
        let count = |model: &str, classes| {
            (network(model), Count { params: 5, macs: 7, classes: Some(classes), ..Count::default() })
        };
        assert_eq!(macs("mobilenet-v2", &[count("mobilenet-v2", 10)]), exact);
        assert_eq!(macs("my-net", &[count("my-net", 10)]), Some(7.0));
        assert_eq!(macs("my-net", &[count("my-net", 1000)]), Some(90e6));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [scaled(300_774_272.0), scaled(5_288_548.0), scaled(37.7459e9), scaled(12.0)],
            ["300.8 M", "5.29 M", "37.75 G", "12.00"]
        );
        assert_eq!([rounded(10.0, 2), rounded(11.554, 2), rounded(100.0, 0)], ["10", "11.55", "100"]);
    }
}
