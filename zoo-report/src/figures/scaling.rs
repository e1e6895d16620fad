//! Compound scaling against width, depth or resolution alone, from one base network.

use super::super::axis::{Axis, Unit};
use super::super::family::Family;
use super::super::figure::{Drawing, Figure, Key, Label, Lines, Missing, Point, Series};
use super::super::mark::Shape;
use super::super::network::{Network, dataset_title};
use super::super::observation::{Kind, Observation, Observations, rounded};
use super::accuracy::{file_name, heights, top1_axis};
use super::names::along_lines;
use super::way::Way;
use super::{DEVIATION, by_dataset};

/// Networks that have grown in one way, on a line from their base or as single points.
struct Grown<'a> {
    way: Way,
    kind: Kind,
    joined: bool,
    points: Vec<&'a Observation>,
}

/// A figure for each family and data set that has rows of scaling along one axis alone.
pub fn figures(observations: &Observations) -> Vec<Result<Figure, Missing>> {
    let mut figures = Vec::new();
    for (dataset, all) in by_dataset(observations) {
        let mut families: Vec<Family> = Vec::new();
        for network in all.iter().filter_map(|observation| observation.network.as_ref()) {
            if !families.contains(&network.family) {
                families.push(network.family.clone());
            }
        }
        families.sort_by_key(|family| !family.compound);
        figures.extend(families.iter().filter_map(|family| figure(family, &dataset, &all)).map(Ok));
    }
    if figures.is_empty() {
        let sentence = "No compound scaling yet: no family has rows of several ways to scale one base.";
        figures.push(Err(Missing { sentence: sentence.into() }));
    }
    figures
}

fn figure(family: &Family, dataset: &str, all: &[&Observation]) -> Option<Figure> {
    let mine: Vec<&Observation> = all
        .iter()
        .copied()
        .filter(|observation| observation.network.as_ref().is_some_and(|network| network.family == *family))
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
        if from_base.len() > 1 || from_base.iter().any(|line| line.way == Way::Compound) {
            lines.extend(from_base);
        }
    }
    let distinct = Way::ALL.iter().filter(|way| lines.iter().any(|line| line.way == **way)).count();
    if distinct < 3 {
        return None;
    }
    let labels = labels(&lines);
    let keys = keys(&lines);
    let drawn: Vec<Series> = lines.iter().zip(labels).map(|(line, label)| line.series(label)).collect();
    let points = || drawn.iter().flat_map(|series| &series.points);
    let title = "multiply-accumulates for one image (log scale)";
    let x = Axis::around(title, Unit::Count, true, points().map(|point| point.x))?;
    let y = top1_axis(dataset, points().flat_map(|point| heights(point.y, point.spread)))?;
    let counted = "MACs are counted here; the table has those that the paper prints, and notes where the paper counts \
                   another network.";
    let caption = [counted.to_string()].into_iter().chain(notes).collect();
    Some(Figure {
        name: format!("scaling-{}-{}", family.name, file_name(dataset)),
        title: format!("{} scaled in one way or in all, {}", family, dataset_title(dataset)),
        caption,
        drawing: Drawing::Lines(Lines {
            x,
            y,
            series: drawn,
            names_outside: false,
            fronts: Vec::new(),
            spread: DEVIATION,
            keys,
            shapes: Vec::new(),
            limit: None,
        }),
    })
}

/// A line from the base along each way that has rows.
fn ways<'a>(rows: &[&'a Observation], kind: Kind, notes: &mut Vec<String>) -> Vec<Grown<'a>> {
    let is_base = |observation: &&&Observation| {
        let network = observation.network.as_ref();
        network.is_some_and(|network| network.width == 1.0 && network.depth == 1.0 && network.side() == smallest(rows))
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
            notes.push(format!("Runs with different epochs or recipes ({way}) are not joined by a line."));
        }
        let apart = others.into_iter().chain(repeated);
        lines.extend(apart.map(|point| Grown { way, kind, joined: false, points: vec![point] }));
        if !line.is_empty() {
            lines.push(Grown { way, kind, joined: true, points: [base].into_iter().chain(line).collect() });
        }
    }
    lines
}

/// Input size of the base: the smallest at which the network is not narrower or shallower than itself.
fn smallest(rows: &[&Observation]) -> f64 {
    let plain = rows.iter().filter_map(|observation| observation.network.as_ref());
    plain
        .filter(|network| network.width == 1.0 && network.depth == 1.0)
        .map(Network::side)
        .min_by(f64::total_cmp)
        .unwrap_or(0.0)
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

impl Grown<'_> {
    fn series(&self, label: Label) -> Series {
        let points = self.points.iter().filter_map(|observation| point(observation)).collect();
        let colour = self.way.colour();
        Series { label, colour, shape: Shape::of(colour), kind: self.kind, joined: self.joined, points }
    }

    /// What tells it from others of its way: the length of a run of ours, the table of a paper.
    fn difference(&self) -> String {
        let Some(last) = self.points.last() else { return String::new() };
        match (self.kind, last.epochs) {
            (Kind::Measured, Some(epochs)) => format!(", {} epochs", rounded(epochs, 1)),
            (Kind::Measured, None) => String::new(),
            (Kind::Published, _) => format!(", {}", last.table),
        }
    }
}

/// The way of each line, with what tells it from others of its way.
fn labels(lines: &[Grown<'_>]) -> Vec<Label> {
    let label = |line: &Grown<'_>| {
        let several = lines.iter().filter(|other| other.way == line.way).count() > 1;
        line.way.label().with(&if several { line.difference() } else { String::new() })
    };
    lines.iter().map(label).collect()
}

/// What each colour stands for, and how far its lines go.
fn keys(lines: &[Grown<'_>]) -> Vec<Key> {
    let key = |way: &Way| {
        let of_way: Vec<Vec<&Network>> = lines
            .iter()
            .filter(|line| line.way == *way && line.joined)
            .map(|line| line.points.iter().filter_map(|point| point.network.as_ref()).collect())
            .collect();
        let is_shown = lines.iter().any(|line| line.way == *way);
        is_shown.then(|| Key { colour: way.colour(), text: way.label().long + &along_lines(&of_way) })
    };
    Way::ALL.iter().filter_map(key).collect()
}
