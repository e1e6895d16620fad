//! The table of the page: what was found here beside what was published, one quantity a row.

use zoo_core::Registry;

use super::figures::{deployed_id, latency_id};
use super::network::{Network, dataset_title};
use super::observation::{Kind, Observation, Observations, classes_of, count, rounded};
use super::rows::Rows;
use zoo_core::summary::grouped;
use zoo_results::timed::NOISY;

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Names the row, for the marks of the figures.
    pub id: String,
    /// The network.
    pub network: String,
    /// Data set and strides, or how it was timed.
    pub conditions: String,
    /// What is compared, with its unit.
    pub quantity: &'static str,
    /// What was measured or counted here.
    pub here: Option<f64>,
    /// One standard deviation of it.
    pub deviation: Option<f64>,
    /// What was published.
    pub published: Option<f64>,
    /// Whether the difference is one in per cent of the published value, or one of percentages.
    pub relative: bool,
    /// Passes over the training set, here and there.
    pub epochs: String,
    /// Name of the run, or of the source.
    pub origin: String,
    /// What is off.
    pub note: String,
    /// Whether the machine was busy when it was measured.
    pub noisy: bool,
}

impl Comparison {
    /// Here less published, in per cent of the published value or in points.
    pub fn difference(&self) -> Option<f64> {
        let (here, published) = (self.here?, self.published?);
        Some(if self.relative { 100.0 * (here - published) / published } else { here - published })
    }

    /// Whether a printed count is not the network's: further off than rounding or truncation of its last digit explains.
    pub fn is_off(&self) -> bool {
        let printed = self.here.zip(self.published).filter(|_| self.relative);
        printed.is_some_and(|(here, published)| (here - published).abs() > last_place(published))
    }
}

/// What the last digit of a printed number counts: 0.01 for 3.47, 100 for 1800.
fn last_place(printed: f64) -> f64 {
    let text = printed.to_string();
    let power = match text.split_once('.') {
        Some((_, decimals)) => -(decimals.len() as i32),
        None => (text.len() - text.trim_end_matches('0').len()) as i32,
    };
    10f64.powi(power)
}

/// Every comparison: those with something to compare first, and in both parts accuracies, counts, latencies.
pub fn comparisons(rows: &Rows, observations: &Observations, registry: &Registry) -> Vec<Comparison> {
    let mut all: Vec<Comparison> = Vec::new();
    for observation in &observations.all {
        let comparison = accuracy(observation, &observations.all, rows);
        let averaged = observation.top1_ema.map(|top1| Comparison {
            id: format!("{}e", comparison.id),
            quantity: "EMA top-1, %",
            here: Some(top1),
            deviation: None,
            ..comparison.clone()
        });
        all.push(comparison);
        all.extend(averaged);
    }
    all.extend(counts(rows, registry));
    all.extend(latencies(rows));
    all.extend(deployed(rows));
    all.sort_by_key(|comparison| comparison.difference().is_none());
    all
}

fn accuracy(observation: &Observation, all: &[Observation], rows: &Rows) -> Comparison {
    let identity = |other: &Observation| other.network.as_ref().map(Network::identity);
    let partner = all.iter().filter(|other| {
        other.kind != observation.kind
            && other.dataset == observation.dataset
            && other.apart.is_empty()
            && observation.apart.is_empty()
            && identity(other).is_some()
            && identity(other) == identity(observation)
    });
    // The longest run is the fairest beside a paper's.
    let partner = partner.max_by(|one, other| one.epochs.unwrap_or(0.0).total_cmp(&other.epochs.unwrap_or(0.0)));
    let (here, published) = match observation.kind {
        Kind::Measured => (Some(observation), partner),
        Kind::Published => (partner, Some(observation)),
    };
    let profile = observation.network.as_ref().map_or("native", |network| network.profile.as_str());
    let epochs: Vec<String> =
        [here, published].into_iter().flatten().filter_map(|one| one.epochs).map(|epochs| rounded(epochs, 2)).collect();
    let note = rows.published.iter().find(|(network, row)| {
        observation.kind == Kind::Published
            && network.as_ref() == observation.network.as_ref()
            && observation.names == [format!("{}, {}", row.source, row.table)]
            && row.top1 == Some(observation.top1)
    });
    Comparison {
        id: observation.id.clone(),
        network: observation.network.as_ref().map_or_else(|| observation.model.clone(), Network::title),
        conditions: [dataset_title(&observation.dataset), profile, &observation.apart]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        quantity: "top-1, %",
        here: here.map(|one| one.top1),
        deviation: here.and_then(|one| one.deviation),
        published: published.map(|one| one.top1),
        relative: false,
        epochs: epochs.join(" / "),
        origin: observation.names.join(", "),
        note: note.map(|(_, row)| row.note.clone()).unwrap_or_default(),
        noisy: false,
    }
}

/// Every printed count beside the exact one.
fn counts(rows: &Rows, registry: &Registry) -> Vec<Comparison> {
    let mut all = Vec::new();
    for (at, (network, row)) in rows.published.iter().enumerate() {
        let classes = classes_of(&row.dataset);
        let counted = network.as_ref().and_then(|network| count(rows, registry, network, classes));
        let exact = [
            ("MACs, M", row.macs_m, counted.map(|(_, macs)| macs as f64 / 1e6)),
            ("parameters, M", row.params_m, counted.map(|(params, _)| params as f64 / 1e6)),
        ];
        for (quantity, published, here) in exact.into_iter().filter(|(_, published, _)| published.is_some()) {
            all.push(Comparison {
                id: format!("c{at}{}", &quantity[..1]),
                network: network.as_ref().map_or_else(|| row.model.clone(), Network::title),
                conditions: format!(
                    "{} classes, {}",
                    classes,
                    network.as_ref().map_or("native", |network| network.profile.as_str())
                ),
                quantity,
                here,
                published,
                relative: true,
                origin: format!("{}, {}", row.source, row.table),
                note: row.note.clone(),
                ..Comparison::default()
            });
        }
    }
    all
}

fn is_noisy(noise: Option<f64>) -> bool {
    noise.is_some_and(|percent| percent > NOISY)
}

/// How far rounds of a measurement were apart, in words.
fn noise(noise: Option<f64>) -> String {
    match noise {
        Some(percent) if percent > NOISY => format!("noisy: {percent:.1} %"),
        Some(percent) => format!("noise {percent:.1} %"),
        None => String::new(),
    }
}

fn latencies(rows: &Rows) -> Vec<Comparison> {
    let timed = rows.latencies.iter().enumerate().filter(|(_, (_, row))| row.p50_ms.is_some());
    let comparison = |(number, (network, row)): (usize, &(Network, super::rows::Latency))| Comparison {
        id: latency_id(number),
        network: network.title(),
        conditions: row.condition.to_string(),
        quantity: "latency p50, ms",
        here: row.p50_ms,
        origin: format!("revision {}", row.environment.revision),
        note: noise(row.noise),
        noisy: is_noisy(row.noise),
        ..Comparison::default()
    };
    timed.map(comparison).collect()
}

/// Every evaluation of a deployed network.
fn deployed(rows: &Rows) -> Vec<Comparison> {
    let evaluated = rows.deployed.iter().enumerate().filter(|(_, (_, row))| row.top1.is_some());
    let comparison = |(number, (network, row)): (usize, &(Network, zoo_results::deployed::Row))| Comparison {
        id: deployed_id(number),
        network: network.title(),
        conditions: format!(
            "{}{}, {}, {}",
            dataset_title(&row.dataset),
            row.images.map(|images| format!(", {} images", grouped(images))).unwrap_or_default(),
            row.dtype,
            row.engine
        ),
        quantity: "top-1 as deployed, %",
        here: row.top1,
        origin: row.weights.clone(),
        note: row.top1_f32.map(|top1| format!("f32 of the same weights: {top1:.2} %")).unwrap_or_default(),
        ..Comparison::default()
    };
    evaluated.map(comparison).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_marked() {
        assert_eq!([Some(7.31), Some(1.2), None].map(noise), ["noisy: 7.3 %", "noise 1.2 %", ""]);
        assert!(is_noisy(Some(5.01)) && !is_noisy(Some(5.0)));
    }

    #[test]
    fn counts_differ_in_per_cent_and_accuracies_in_points() {
        let counts = Comparison { here: Some(220.0), published: Some(200.0), relative: true, ..Comparison::default() };
        let tops = Comparison { here: Some(60.0), published: Some(70.0), ..Comparison::default() };
        assert_eq!((counts.difference(), tops.difference()), (Some(10.0), Some(-10.0)));
        let off = |here, published| {
            Comparison { here: Some(here), published: Some(published), relative: true, ..Comparison::default() }
                .is_off()
        };
        assert!(off(325.4, 317.0) && off(4393.8, 4200.0) && off(6.109, 6.9));
        assert!(!off(153.94, 153.0) && !off(685.0, 700.0) && !off(0.47, 0.5));
        assert_eq!(Comparison { here: Some(1.0), ..Comparison::default() }.difference(), None);
    }
}
