//! The figures of the report, each from observations or latencies, or the sentence that stands in its place.

mod accuracy;
mod equal_macs;
mod latency;
mod multipliers;
mod scaling;
mod way;

use std::collections::{BTreeMap, BTreeSet};

pub use latency::latency_id;

use super::figure::{Figure, Label, Missing, Point, Series};
use super::network::FamilyName;
use super::observation::{Kind, Observation, Observations};
use super::rows::Rows;
use super::theme::colour_of;
use super::{curve, curve::Curve};

/// Every figure in the order of the page, and what is missing.
pub fn figures(rows: &Rows, observations: &Observations) -> Vec<Result<Figure, Missing>> {
    let mut figures = accuracy::figures(observations);
    figures.extend(multipliers::figures(observations));
    figures.extend(scaling::figures(observations));
    figures.push(latency::against_macs(rows));
    figures.push(equal_macs::latency(rows));
    figures.push(latency::by_stage(rows));
    figures
}

/// The accuracies of each data set, those with a run of ours first.
fn by_dataset(observations: &Observations) -> Vec<(String, Vec<&Observation>)> {
    let of = |kind: Kind| {
        let all = observations.all.iter().filter(move |observation| observation.kind == kind);
        all.map(|observation| observation.dataset.clone()).collect::<BTreeSet<String>>()
    };
    let (measured, published) = (of(Kind::Measured), of(Kind::Published));
    // The papers' own data set is what a reader knows.
    let mut names: Vec<String> = published.iter().cloned().collect();
    names.sort_by_key(|name| name != "imagenet");
    names.extend(measured.difference(&published).cloned());
    names
        .into_iter()
        .map(|name| {
            let all = observations.all.iter().filter(|observation| observation.dataset == name).collect();
            (name, all)
        })
        .collect()
}

/// Of the sets that a family is published in, the one with the most rows, and all that was measured. Two sources of the
/// same networks in one figure would be two lines that say the same.
fn main_sets<'a>(observations: &[&'a Observation]) -> Vec<&'a Observation> {
    let family = |observation: &Observation| observation.network.as_ref().map(|network| network.family.clone());
    let size = |set: &str, of: &Option<String>| {
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

/// A line of a figure whose points stand at `place`; points that have no place are left out.
fn series(curve: &Curve<'_>, label: Option<Label>, place: impl Fn(&Observation) -> Option<f64>) -> Series {
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
    Series { label, colour: colour_of(&curve.family), kind: curve.kind, joined: true, points: points.collect() }
}

/// The name of a family, with more behind it.
fn label(family: &str, more: &str) -> Label {
    let name = FamilyName::of(family);
    Label { long: format!("{}{more}", name.long), short: format!("{}{more}", name.short) }
}

/// Says once for each family and kind what it is: at the line that reaches highest, or the point where there are no lines.
fn name_families(series: &mut [Series], families: &[(String, Kind)]) {
    let both = |family: &str| {
        families.iter().any(|(other, kind)| other == family && *kind == Kind::Measured)
            && families.iter().any(|(other, kind)| other == family && *kind == Kind::Published)
    };
    let distinct: BTreeSet<(String, Kind)> = families.iter().cloned().collect();
    for (family, kind) in distinct {
        let highest = (0..series.len())
            .filter(|&at| families[at] == (family.clone(), kind) && !series[at].points.is_empty())
            .max_by(|&one, &other| {
                let is_line = |at: usize| series[at].points.len() > 1;
                is_line(one).cmp(&is_line(other)).then(top(&series[one]).total_cmp(&top(&series[other])))
            });
        if let Some(at) = highest {
            let more = if both(&family) && kind == Kind::Measured { " (here)" } else { "" };
            series[at].label = Some(label(&family, more));
        }
    }
}

fn top(series: &Series) -> f64 {
    series.points.iter().map(|point| point.y).fold(f64::NEG_INFINITY, f64::max)
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

/// How to read circles, where a figure has both kinds.
fn kinds_sentence(series: &[Series]) -> Option<String> {
    let has = |kind: Kind| series.iter().any(|series| series.kind == kind && !series.points.is_empty());
    match (has(Kind::Measured), has(Kind::Published)) {
        (true, true) => Some("Filled: measured here. Hollow: published.".into()),
        (true, false) => Some("All points were measured here.".into()),
        (false, true) => Some("All accuracies are published ones.".into()),
        (false, false) => None,
    }
}

/// A sentence where a figure shows averages over seeds.
fn spread_sentence(series: &[Series]) -> Option<String> {
    let spread = series.iter().flat_map(|series| &series.points).any(|point| point.spread.is_some());
    spread.then(|| "Error bars: one standard deviation over seeds.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_named_at_its_highest_line_and_at_a_point_where_it_has_no_line() {
        let series = |heights: &[f64]| {
            let point = |y: &f64| Point { x: 1.0, y: *y, spread: None, row: String::new(), title: String::new() };
            let points = heights.iter().map(point).collect();
            Series { label: None, colour: 0, kind: Kind::Measured, joined: true, points }
        };
        let mut all = [series(&[90.0]), series(&[70.0, 80.0]), series(&[60.0, 75.0]), series(&[50.0]), series(&[55.0])];
        let families = ["mobilenet-v1", "mobilenet-v1", "mobilenet-v1", "mobilenet-v2", "mobilenet-v2"];
        name_families(&mut all, &families.map(|family| (family.to_string(), Kind::Measured)));
        let named: Vec<bool> = all.iter().map(|series| series.label.is_some()).collect();
        assert_eq!(named, [false, true, false, false, true]);
    }
}
