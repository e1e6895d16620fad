//! Networks as they were timed on one machine by each engine, each with what is known of its accuracy on a data set.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use zoo_core::Registry;

use super::accuracies::{Accuracies, FULL, Measured, QUANTIZED};
use super::curve;
use super::latencies::Newest;
use super::network::Network;
use super::observation::Kind;
use super::rows::{Condition, Rows};
use zoo_data::sets;
use zoo_host::words::counted;
use zoo_results::timed::ENGINES;

/// The machine that networks are to run on, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Where tensors live.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
    /// Images at once.
    pub batch: u32,
    /// Threads of the engine.
    pub threads: u32,
}

/// A network that one engine ran in one number format.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Position of its row in `latency.csv`.
    pub place: usize,
    /// The network.
    pub network: Network,
    /// Name of the engine.
    pub engine: String,
    /// Numbers that were computed with.
    pub dtype: String,
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// How far rounds lie apart, in percent.
    pub noise: Option<f64>,
    /// Peak resident memory of the process that timed it, in MiB.
    pub peak_mb: Option<f64>,
    /// Multiply-accumulates for one image.
    pub macs: Option<u64>,
    /// What a paper prints for the network, in percent.
    pub published: Option<f64>,
    /// What was measured here.
    pub measured: Option<Measured>,
    /// Points that these numbers lose against f32 on this engine, of the same weights on the same images.
    pub drop: Option<f64>,
}

impl Target {
    /// Whether a row was timed so.
    pub fn is_of(&self, condition: &Condition) -> bool {
        (&self.device, &self.cpu, self.batch, self.threads)
            == (&condition.device, &condition.cpu, condition.batch, condition.threads)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { device, cpu, batch, threads } = self;
        write!(f, "batch {batch}, {}", counted((*threads).into(), "thread"))?;
        for part in [device, cpu].into_iter().filter(|part| !["", "cpu"].contains(&part.as_str())) {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

impl From<&Condition> for Target {
    fn from(condition: &Condition) -> Target {
        let Condition { batch, threads, device, cpu, .. } = condition.clone();
        Target { device, cpu, batch, threads }
    }
}

impl Candidate {
    /// The accuracy that it is ranked by, in percent. A published one is of f32: what other numbers lose is taken off, as far
    /// as it was measured, and a quantized network of which it was not has none.
    pub fn top1(&self, by: Kind) -> Option<f64> {
        match by {
            Kind::Measured => self.measured.map(|measured| measured.top1),
            Kind::Published if self.is_quantized() => self.published.zip(self.drop).map(|(top1, drop)| top1 - drop),
            Kind::Published => self.published.map(|top1| top1 - self.drop.unwrap_or(0.0)),
        }
    }

    /// Whether it is a quantized network.
    pub fn is_quantized(&self) -> bool {
        self.dtype == QUANTIZED
    }

    /// The network with what runs it: `mobilenet-v2, 224 px, on zoo in f32`.
    pub fn title(&self) -> String {
        format!("{}, on {} in {}", self.network.title(), self.engine, self.dtype)
    }
}

/// Everything that was timed for `target` with a classifier for `dataset`, in the order of the table.
pub fn candidates(rows: &Rows, registry: &Registry, target: &Target, dataset: &str) -> Vec<Candidate> {
    let accuracies = Accuracies::new(rows, registry, dataset);
    let mut conditions: Vec<&Condition> = rows.latencies.iter().map(|(_, row)| &row.condition).collect();
    conditions.sort();
    conditions.dedup();
    // Engines of older rows are no longer there to deploy on.
    let is_wanted = |condition: &&Condition| target.is_of(condition) && ENGINES.contains(&condition.engine.as_str());
    let mut found = Vec::new();
    for condition in conditions.into_iter().filter(is_wanted) {
        for (place, network, row) in Newest::of(rows, condition).iter() {
            let (engine, dtype) = (condition.engine.clone(), condition.dtype.clone());
            let Some(p50_ms) = row.p50_ms.filter(|_| accuracies.has_classifier(network, row.macs)) else { continue };
            found.push(Candidate {
                place,
                network: network.clone(),
                p50_ms,
                noise: row.noise,
                peak_mb: row.peak_mb,
                macs: row.macs,
                published: accuracies.published(network),
                measured: accuracies.measured(network, &engine, &dtype),
                drop: accuracies.drop(network, &engine, &dtype),
                engine,
                dtype,
            });
        }
    }
    found.sort_by_key(|candidate| candidate.place);
    found
}

/// A network with an accuracy on a data set, whether it was timed or not.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The network.
    pub network: Network,
    /// Outputs of its classifier.
    pub classes: u32,
    /// The accuracy, in percent.
    pub top1: f64,
    /// The engines on which the accuracy of the quantized network is known.
    pub quantized_on: Vec<&'static str>,
}

/// The networks with an accuracy on `dataset` that is published, or was measured here; none given, of which there are more.
/// The most accurate come first.
pub fn wanted(rows: &Rows, registry: &Registry, dataset: &str, by: Option<Kind>) -> Vec<Wanted> {
    let accuracies = Accuracies::new(rows, registry, dataset);
    let published =
        rows.published.iter().filter(|(_, row)| row.dataset == dataset).filter_map(|(network, _)| network.as_ref());
    let of_runs = rows.runs.iter().filter(|(_, run)| run.dataset == dataset).map(|(network, _)| network);
    let measured = of_runs.chain(accuracies.deployed());
    let with = |networks: Vec<&Network>, top1: &dyn Fn(&Network) -> Option<f64>| {
        let mut found: BTreeMap<String, Wanted> = BTreeMap::new();
        for network in networks {
            let is_known = |engine: &&str| {
                let measured = accuracies.measured(network, engine, QUANTIZED);
                measured.is_some() || accuracies.drop(network, engine, QUANTIZED).is_some()
            };
            let wanted = |top1| Wanted {
                network: network.clone(),
                classes: accuracies.classes(),
                top1,
                quantized_on: ENGINES.into_iter().filter(is_known).collect(),
            };
            if let Some(wanted) = top1(network).map(wanted) {
                found.insert(network.identity(), wanted);
            }
        }
        found.into_values().collect::<Vec<Wanted>>()
    };
    let published = with(published.collect(), &|network| accuracies.published(network));
    let measured = with(measured.collect(), &|network| accuracies.measured(network, "", FULL).map(|found| found.top1));
    let mut found = match by {
        Some(Kind::Measured) => measured,
        None if measured.len() >= published.len() => measured,
        _ => published,
    };
    found.sort_by(|one, other| other.top1.total_cmp(&one.top1));
    found
}

/// The names of all data sets that a row has an accuracy on: those of papers first, and of them the one with the most classes,
/// which a reader knows.
pub fn datasets(rows: &Rows) -> Vec<String> {
    let published = rows.published.iter().filter(|(_, row)| row.top1.is_some()).map(|(_, row)| &row.dataset);
    let mut names = distinct(published);
    names.sort_by_key(|name| Reverse(sets::named(name).and_then(|set| set.classes)));
    let of_runs = rows.runs.iter().filter(|(_, run)| run.top1.is_some()).map(|(_, run)| &run.dataset);
    let deployed = rows.deployed.iter().filter(|(_, row)| row.top1.is_some()).map(|(_, row)| &row.dataset);
    distinct(names.clone().iter().chain(of_runs).chain(deployed))
}

/// Each name once, in the order in which they come.
fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// What more networks have: figures of papers, or measurements.
pub fn source(candidates: &[Candidate]) -> Kind {
    let having = |by: Kind| {
        let ranked = candidates.iter().filter(|candidate| candidate.top1(by).is_some()).cloned();
        networks(&ranked.collect::<Vec<_>>())
    };
    if having(Kind::Published) > having(Kind::Measured) { Kind::Published } else { Kind::Measured }
}

/// How many networks there are.
pub fn networks(candidates: &[Candidate]) -> usize {
    let mut names: Vec<String> = candidates.iter().map(|candidate| candidate.network.identity()).collect();
    names.sort();
    names.dedup();
    names.len()
}

/// What accuracies are, in words.
pub fn said(by: Kind) -> &'static str {
    match by {
        Kind::Published => "published",
        Kind::Measured => "measured here",
    }
}

/// Those than which none is faster and at least as accurate, the fastest first.
pub fn front(candidates: &[Candidate], by: Kind) -> Vec<Candidate> {
    let ranked: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.top1(by).is_some()).collect();
    let places: Vec<(f64, f64)> =
        ranked.iter().map(|candidate| (candidate.p50_ms, candidate.top1(by).unwrap_or(0.0))).collect();
    curve::front(&places).into_iter().map(|at| ranked[at].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Latency, Published};
    use zoo_results::{cells, deployed};

    fn network(width: f64) -> Network {
        Network::new(&Registry::default(), "mobilenet-v2", (width, 1.0, 224), "native")
    }

    fn timed(width: f64, engine: &str, dtype: &str, ms: f64) -> (Network, Latency) {
        let condition = Condition {
            batch: 1,
            threads: 1,
            dtype: dtype.into(),
            engine: engine.into(),
            device: "cpu".into(),
            cpu: "here".into(),
        };
        (network(width), Latency { condition, p50_ms: Some(ms), ..Latency::default() })
    }

    fn published(width: f64, top1: f64) -> (Option<Network>, Published) {
        (Some(network(width)), Published { dataset: "imagenet".into(), top1: Some(top1), ..Published::default() })
    }

    fn evaluated(engine: &str, dtype: &str, images: &str, [top1, top1_f32]: [&str; 2]) -> (Network, deployed::Row) {
        let header = [
            "width",
            "depth",
            "input_size",
            "dataset",
            "classes",
            "images",
            "engine",
            "dtype",
            "top1",
            "top1_f32",
            "status",
        ];
        let cells = ["1", "1", "224", "imagenet", "1000", images, engine, dtype, top1, top1_f32, "done"];
        (network(1.0), cells::read(&header, &cells.map(String::from)).unwrap())
    }

    fn target() -> Target {
        Target { device: "cpu".into(), cpu: "here".into(), batch: 1, threads: 1 }
    }

    fn found(rows: &Rows) -> Vec<Candidate> {
        candidates(rows, &Registry::default(), &target(), "imagenet")
    }

    #[test]
    fn a_quantized_network_has_the_published_accuracy_less_the_drop_that_was_measured() {
        let mut rows = Rows {
            latencies: vec![timed(1.0, "zoo", "f32", 7.0), timed(1.0, "openvino", "int8", 3.0)],
            published: vec![published(1.0, 71.8)],
            ..Rows::default()
        };
        let tops = |rows: &Rows| -> Vec<Option<f64>> {
            found(rows).iter().map(|candidate| candidate.top1(Kind::Published)).collect()
        };
        assert_eq!(tops(&rows), [Some(71.8), None]);
        // On another engine, in which sums may saturate, it is not the same.
        rows.deployed = vec![evaluated("onnxruntime", "int8", "500", ["69.0", "70.0"])];
        assert_eq!(tops(&rows), [Some(71.8), None]);
        rows.deployed.push(evaluated("openvino", "int8", "500", ["69.5", "70.0"]));
        assert_eq!(tops(&rows), [Some(71.8), Some(71.3)]);
    }

    #[test]
    fn a_quantized_network_is_wanted_on_the_engines_on_which_its_accuracy_is_known() {
        let rows = Rows {
            published: vec![published(1.0, 71.8), published(0.5, 65.4)],
            deployed: vec![
                evaluated("openvino", "f32", "500", ["70.0", ""]),
                evaluated("onnxruntime", "int8", "500", ["69.0", "70.0"]),
            ],
            ..Rows::default()
        };
        let found = wanted(&rows, &Registry::default(), "imagenet", Some(Kind::Published));
        let engines: Vec<&[&str]> = found.iter().map(|wanted| &wanted.quantized_on[..]).collect();
        assert_eq!(engines, [&["onnxruntime"][..], &[]]);
    }

    #[test]
    fn what_was_measured_on_a_part_of_the_images_stands_beside_nothing() {
        let rows = Rows {
            latencies: vec![timed(1.0, "zoo", "f32", 7.0), timed(1.0, "openvino", "f32", 6.0)],
            deployed: vec![
                evaluated("zoo", "f32", "500", ["70.0", ""]),
                evaluated("openvino", "f32", "50", ["90.0", ""]),
            ],
            ..Rows::default()
        };
        let measured: Vec<Option<Measured>> = found(&rows).iter().map(|candidate| candidate.measured).collect();
        assert_eq!(measured, [Some(Measured { top1: 70.0, images: Some(500) }); 2]);
    }

    #[test]
    fn rows_of_other_machines_and_of_engines_that_are_gone_are_no_candidates() {
        let mut rows = Rows {
            latencies: vec![
                timed(1.0, "zoo", "f32", 7.0),
                timed(1.0, "jit", "f32", 1.0),
                timed(0.5, "zoo", "f32", 3.0),
            ],
            ..Rows::default()
        };
        rows.latencies[2].1.condition.cpu = "there".into();
        let titles: Vec<String> = found(&rows).iter().map(Candidate::title).collect();
        assert_eq!(titles, ["mobilenet-v2, 224 px, on zoo in f32"]);
    }

    #[test]
    fn a_front_is_what_nothing_beats_whatever_engine_it_is_of() {
        let rows = Rows {
            latencies: vec![
                timed(1.0, "zoo", "f32", 7.0),
                timed(1.0, "openvino", "f32", 6.0),
                timed(0.5, "zoo", "f32", 3.0),
                timed(1.4, "zoo", "f32", 6.5),
            ],
            published: vec![published(0.5, 65.4), published(1.0, 71.8), published(1.4, 70.0)],
            ..Rows::default()
        };
        let times: Vec<f64> = front(&found(&rows), Kind::Published).iter().map(|candidate| candidate.p50_ms).collect();
        assert_eq!((times, source(&found(&rows))), (vec![3.0, 6.0], Kind::Published));
    }

    #[test]
    fn the_data_set_that_a_reader_knows_comes_first() {
        let small = Published { dataset: "cifar10".into(), top1: Some(94.0), ..Published::default() };
        let rows = Rows { published: vec![(None, small), published(1.0, 71.8)], ..Rows::default() };
        assert_eq!(datasets(&rows), ["imagenet", "cifar10"]);
    }
}
