//! The figures of the report, each from observations or latencies, or the sentence that stands in its place.

mod accuracy;
mod deployed;
pub mod engines;
mod equal_macs;
mod latency;
mod multipliers;
mod names;
mod scaling;
mod way;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use zoo_core::Registry;

pub use deployed::deployed_id;
pub use latency::latency_id;

use super::family::Family;
use super::figure::{Figure, Label, Missing, Point, Series};
use super::mark::Shape;
use super::observation::{Kind, Observation, Observations};
use super::rows::Rows;
use super::{curve, curve::Curve};
use zoo_data::sets;

/// Every figure in the order of the page, and what is missing.
pub fn figures(rows: &Rows, observations: &Observations, registry: &Registry) -> Vec<Result<Figure, Missing>> {
    let mut figures = accuracy::figures(observations);
    figures.extend(multipliers::figures(observations));
    figures.extend(scaling::figures(observations));
    figures.extend(engines::figures(rows, registry));
    figures.push(engines::relative(rows));
    figures.push(deployed::drop(rows));
    figures.push(latency::against_macs(rows));
    figures.push(equal_macs::latency(rows));
    figures.push(latency::by_stage(rows));
    figures
}

/// The accuracies of each data set, those with a run of ours first. Runs on a part of it, from weights or made longer are left out: beside
/// the others they would be read as what they are not.
fn by_dataset(observations: &Observations) -> Vec<(String, Vec<&Observation>)> {
    let whole = || observations.all.iter().filter(|observation| observation.apart.is_empty());
    let of = |kind: Kind| {
        let all = whole().filter(move |observation| observation.kind == kind);
        all.map(|observation| observation.dataset.clone()).collect::<BTreeSet<String>>()
    };
    let (measured, published) = (of(Kind::Measured), of(Kind::Published));
    // That with the most classes, ImageNet, is what a reader knows.
    let mut names: Vec<String> = published.iter().cloned().collect();
    names.sort_by_key(|name| Reverse(sets::named(name).and_then(|set| set.classes)));
    names.extend(measured.difference(&published).cloned());
    names
        .into_iter()
        .map(|name| {
            let all = whole().filter(|observation| observation.dataset == name).collect();
            (name, all)
        })
        .collect()
}

/// A sentence on the runs that [`by_dataset`] leaves out.
fn left_out(dataset: &str, observations: &Observations) -> Option<String> {
    let apart = |observation: &&Observation| observation.dataset == dataset && !observation.apart.is_empty();
    let count = observations.all.iter().filter(apart).count();
    let (runs, are) = if count == 1 { ("run", "is") } else { ("runs", "are") };
    (count > 0).then(|| {
        format!("{count} {runs} on part of the data, from pretrained weights, or extended {are} in the table only.")
    })
}

/// Of the sets that a family is published in, the one with the most rows, and all that was measured. Two sources of the
/// same networks in one figure would be two lines that say the same.
fn main_sets<'a>(observations: &[&'a Observation]) -> Vec<&'a Observation> {
    let family = |observation: &Observation| observation.network.as_ref().map(|network| network.family.clone());
    let size = |set: &str, of: &Option<Family>| {
        observations.iter().filter(|other| other.set == set && family(other) == *of).count()
    };
    let is_main = |observation: &Observation| {
        let of = family(observation);
        let mine = size(&observation.set, &of);
        let rivals = observations.iter().filter(|other| other.kind == Kind::Published && family(other) == of);
        rivals
            .map(|other| (size(&other.set, &of), &other.set))
            .max()
            .is_none_or(|best| best <= (mine, &observation.set))
    };
    observations.iter().copied().filter(|one| one.kind == Kind::Measured || is_main(one)).collect()
}

/// What an error bar of an accuracy is.
const DEVIATION: &str = "one standard deviation over seeds";

/// A line of a figure whose points stand at `place`; points that have no place are left out.
fn series(curve: &Curve<'_>, label: Label, place: impl Fn(&Observation) -> Option<f64>) -> Series {
    let points = curve.points.iter().filter_map(|observation| {
        let spread =
            observation.deviation.map(|deviation| (observation.top1 - deviation, observation.top1 + deviation));
        Some(Point {
            x: place(observation)?,
            y: observation.top1,
            spread,
            row: observation.id.clone(),
            title: observation.title(),
        })
    });
    let colour = curve.family.colour;
    Series { label, colour, shape: Shape::of(colour), kind: curve.kind, joined: true, points: points.collect() }
}

/// The fronts of what was published and of what was measured, of the latter one for each number of epochs and recipe: a
/// longer run is not a better network. A front is of several points.
fn fronts(curves: &[Curve<'_>], place: impl Fn(&Observation) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut groups: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for observation in curves.iter().flat_map(|curve| &curve.points) {
        let terms = (observation.kind == Kind::Measured).then(|| observation.terms());
        groups.entry(terms).or_default().extend(place(observation).map(|x| (x, observation.top1)));
    }
    let front = |points: &Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        curve::front(points).into_iter().map(|at| points[at]).collect()
    };
    groups.values().map(front).filter(|front| front.len() > 1).collect()
}
