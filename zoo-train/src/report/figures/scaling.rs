//! Compound scaling against width, depth or resolution alone, from one base network.

use super::super::axis::{Axis, Unit};
use super::super::figure::{Drawing, Figure, Lines, Missing, Point, Series};
use super::super::network::{FamilyName, dataset_title};
use super::super::observation::{Kind, Observation, Observations};
use super::accuracy::{file_name, heights, top1_axis};
use super::way::Way;
use super::{by_dataset, kinds_sentence, spread_sentence};

/// A figure for each family and data set that has rows of scaling along one axis alone.
pub fn figures(observations: &Observations) -> Vec<Result<Figure, Missing>> {
    let mut figures = Vec::new();
    for (dataset, all) in by_dataset(observations) {
        let mut families: Vec<String> = Vec::new();
        for network in all.iter().filter_map(|observation| observation.network.as_ref()) {
            if !families.contains(&network.family) {
                families.push(network.family.clone());
            }
        }
        families.sort_by_key(|family| family != "efficientnet");
        figures.extend(families.iter().filter_map(|family| figure(family, &dataset, &all)).map(Ok));
    }
    if figures.is_empty() {
        let sentence = "No compound scaling yet: no family has rows of several ways to grow from one base.";
        figures.push(Err(Missing { sentence: sentence.into() }));
    }
    figures
}

fn figure(family: &str, dataset: &str, all: &[&Observation]) -> Option<Figure> {
    let mine: Vec<&Observation> = all
        .iter()
        .copied()
        .filter(|observation| observation.network.as_ref().is_some_and(|network| network.family == family))
        .collect();
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    let mut sets: Vec<(&str, Kind)> = Vec::new();
    for observation in &mine {
        if !sets.contains(&(observation.set.as_str(), observation.kind)) {
            sets.push((&observation.set, observation.kind));
        }
    }
    for (set, kind) in sets {
        let rows: Vec<&Observation> = mine.iter().copied().filter(|observation| observation.set == set).collect();
        let from_base = ways(&rows, kind, &mut notes);
        // One axis alone has nothing to be set against; the figures of multipliers show those.
        if from_base.len() > 1 || from_base.iter().any(|(way, _)| *way == Way::Compound) {
            lines.extend(from_base);
        }
    }
    let distinct = Way::ALL.iter().filter(|way| lines.iter().any(|(found, _)| found == *way)).count();
    if distinct < 3 {
        return None;
    }
    let drawn = named(lines);
    let points = || drawn.iter().flat_map(|series| &series.points);
    let title = "multiply-accumulates for one image (log scale)";
    let x = Axis::around(title, Unit::Count, true, points().map(|point| point.x))?;
    let y = top1_axis(dataset, points().flat_map(|point| heights(point.y, point.spread)))?;
    let mut caption: Vec<String> = kinds_sentence(&drawn).into_iter().chain(spread_sentence(&drawn)).collect();
    caption.push(
        "MACs are counted here; the table has what the paper prints, and says where that is another network.".into(),
    );
    caption.extend(notes);
    Some(Figure {
        name: format!("scaling-{family}-{}", file_name(dataset)),
        title: format!("{} grown in one way or in all, {}", FamilyName::of(family), dataset_title(dataset)),
        caption,
        drawing: Drawing::Lines(Lines { x, y, series: drawn, names_outside: false, fronts: Vec::new() }),
    })
}

/// A line from the base along each way that has rows.
fn ways(rows: &[&Observation], kind: Kind, notes: &mut Vec<String>) -> Vec<(Way, Series)> {
    let is_base = |observation: &&&Observation| {
        let network = observation.network.as_ref();
        network
            .is_some_and(|network| network.width == 1.0 && network.depth == 1.0 && network.input_size == smallest(rows))
    };
    // The newest of several runs; published ones come once.
    let Some(base) = rows.iter().rev().filter(is_base).max_by_key(|base| base.newest).copied() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for way in Way::ALL {
        let on_the_way = |observation: &&&Observation| {
            let (Some(network), Some(from)) = (&observation.network, &base.network) else { return false };
            network.profile == from.profile && Way::of(network, from) == Some(way)
        };
        let mut grown: Vec<&Observation> = rows.iter().filter(on_the_way).copied().collect();
        grown.sort_by(|one, other| one.macs.unwrap_or(0.0).total_cmp(&other.macs.unwrap_or(0.0)));
        if grown.is_empty() {
            continue;
        }
        let (grown, others): (Vec<_>, Vec<_>) = grown.into_iter().partition(|point| point.terms() == base.terms());
        // Of several runs of one network the newest; published ones come once.
        let is_newest = |point: &&Observation| {
            let same = grown.iter().filter(|other| other.network == point.network);
            same.map(|other| other.newest).max() == Some(point.newest)
        };
        let (line, repeated): (Vec<_>, Vec<_>) = grown.iter().copied().partition(is_newest);
        if !others.is_empty() {
            let way = way.label().long;
            notes.push(format!("Runs of unequal epochs or recipes ({way}) are not joined by a line."));
        }
        let series = |joined, points| Series { label: None, colour: way.colour(), kind, joined, points };
        let apart: Vec<Point> = others.into_iter().chain(repeated).filter_map(point).collect();
        if !apart.is_empty() {
            lines.push((way, series(false, apart)));
        }
        if !line.is_empty() {
            lines.push((way, series(true, [base].into_iter().chain(line).filter_map(point).collect())));
        }
    }
    lines
}

/// Input size of the base: the smallest at which the network is not narrower or shallower than itself.
fn smallest(rows: &[&Observation]) -> u32 {
    let plain = rows.iter().filter_map(|observation| observation.network.as_ref());
    plain
        .filter(|network| network.width == 1.0 && network.depth == 1.0)
        .map(|network| network.input_size)
        .min()
        .unwrap_or(0)
}

fn point(observation: &Observation) -> Option<Point> {
    let spread = observation.deviation.map(|deviation| (observation.top1 - deviation, observation.top1 + deviation));
    Some(Point {
        x: observation.macs?,
        y: observation.top1,
        spread,
        row: observation.id.clone(),
        title: observation.title(),
    })
}

/// Names each way once, at the line that goes furthest.
fn named(mut lines: Vec<(Way, Series)>) -> Vec<Series> {
    for way in Way::ALL {
        let reach = |series: &Series| series.points.last().map_or(0.0, |point| point.x);
        let mine = lines.iter_mut().filter(|(found, _)| *found == way);
        if let Some((_, series)) = mine.max_by(|one, other| reach(&one.1).total_cmp(&reach(&other.1))) {
            series.label = Some(way.label());
        }
    }
    lines.into_iter().map(|(_, series)| series).collect()
}
