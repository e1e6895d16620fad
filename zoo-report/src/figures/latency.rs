//! Latency against MACs, and which stages each of the two is spent in.

use std::collections::BTreeMap;

use super::super::axis::{Axis, Unit};
use super::super::family::Family;
use super::super::figure::{Bars, Drawing, Figure, Group, Key, Label, Lines, Missing, Part, Point, Series};
use super::super::latencies::{Newest, condition_of, main_condition};
use super::super::mark::Shape;
use super::super::network::Network;
use super::super::observation::{Kind, scaled};
use super::super::rows::{Condition, Latency, Rows, Stage};
use super::names::by_family;
use zoo_results::stages;

/// More bars than these make a figure of several screens.
const MOST_NETWORKS: usize = 10;

/// A line a family, under the condition that most networks were timed under.
pub fn against_macs(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing { sentence: "No latency against MACs yet: no row of latency.csv has a time.".into() };
    let condition = main_condition(rows).ok_or_else(missing)?;
    let newest = Newest::of(rows, &condition);
    let mut families: BTreeMap<(Family, String), Vec<Point>> = BTreeMap::new();
    for (number, network, row) in newest.iter() {
        let key = (network.family.clone(), network.profile.clone());
        families.entry(key).or_default().extend(point(number, network, row));
    }
    let named: Vec<(Family, String)> = families.keys().cloned().collect();
    let mut lines = Vec::new();
    for ((family, profile), mut points) in families {
        points.sort_by(|one, other| one.x.total_cmp(&other.x));
        let several = named.iter().filter(|(other, _)| *other == family).count() > 1;
        let more = if several { format!(", {profile}") } else { String::new() };
        let Family { title: long, short, colour, .. } = family;
        let label = Label { long, short }.with(&more);
        lines.push(Series { label, colour, shape: Shape::of(colour), kind: Kind::Measured, joined: false, points });
    }
    let points = || lines.iter().flat_map(|series| &series.points);
    let x = Axis::around(
        "multiply-accumulates for one image (log scale)",
        Unit::Count,
        true,
        points().map(|point| point.x),
    );
    let y = Axis::around("median latency, ms (log scale)", Unit::Plain, true, points().map(|point| point.y));
    let (x, y) = x.zip(y).ok_or_else(missing)?;
    let others = rows.latencies.iter().filter(|(_, row)| row.condition != condition).count();
    let mut caption = vec![format!("Measured here: {condition}.")];
    if others > 0 {
        caption.push(format!("{others} rows measured under other conditions are in the table."));
    }
    Ok(Figure {
        name: "latency-macs".into(),
        title: "Latency against MACs".into(),
        caption,
        drawing: Drawing::Lines(Lines {
            x,
            y,
            series: lines,
            names_outside: false,
            fronts: Vec::new(),
            spread: "up to the 90th percentile",
            keys: by_family(newest.iter().map(|(_, network, _)| network)),
            shapes: Vec::new(),
            limit: None,
        }),
    })
}

fn point(number: usize, network: &Network, row: &Latency) -> Option<Point> {
    // No logarithm of nothing.
    let (x, y) = (row.macs.filter(|macs| *macs > 0)? as f64, row.p50_ms.filter(|ms| *ms > 0.0)?);
    let condition = &row.condition;
    let title = format!("{}: {y:.2} ms, {} MACs ({condition})", network.title(), scaled(x));
    Some(Point { x, y, spread: row.p90_ms.map(|p90| (y, p90)), row: latency_id(number), title })
}

/// The id of a row of `latency.csv` in the page's table.
pub fn latency_id(number: usize) -> String {
    format!("l{number}")
}

/// For each network, the share of every stage in its MACs and in its time.
pub fn by_stage(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing { sentence: "No latency by stage yet: latency-stages.csv has no rows.".into() };
    let all = breakdowns(rows);
    let main = main_condition(rows).filter(|main| all.iter().any(|breakdown| breakdown.condition == main));
    let of_stages = || condition_of(all.iter().map(|breakdown| (breakdown.network, breakdown.condition)));
    // One condition a figure: shares under different ones would look like a property of networks.
    let condition = main.or_else(of_stages).ok_or_else(missing)?;
    let shown = of_each_family(all.iter().filter(|breakdown| *breakdown.condition == condition).collect());
    let groups: Vec<Group> =
        shown.iter().filter_map(|breakdown| group(&breakdown.network.title(), &breakdown.stages)).collect();
    if groups.is_empty() {
        return Err(missing());
    }
    let mut caption = vec![format!("Where the MACs are and where the time goes. Measured here: {condition}.")];
    let left_out = all.len() - shown.len();
    if left_out > 0 {
        caption.push(format!("{left_out} more breakdowns are in latency-stages.csv."));
    }
    Ok(Figure {
        name: "latency-stages".into(),
        title: "Latency by stage".into(),
        caption,
        drawing: Drawing::Bars(Bars { x: Axis::fixed("share, %", 0.0, 100.0), keys: stage_keys(&groups), groups }),
    })
}

/// The colour of a stage, the same in every network: stages in their order, the parts before and behind them at the ends.
/// Of stages that ran as one, that of the last.
fn stage_colour(name: &str) -> usize {
    let name = name.rsplit('+').next().unwrap_or(name);
    match (name, name.strip_prefix("stages.").and_then(|number| number.parse::<usize>().ok())) {
        ("stem", _) => 0,
        ("head", _) => 8,
        (_, Some(number)) => 1 + number % 7,
        _ => 9,
    }
}

/// What each colour of the bars stands for; more stages than colours share them in turn.
fn stage_keys(groups: &[Group]) -> Vec<Key> {
    let mut names: Vec<&str> = Vec::new();
    for part in groups.iter().flat_map(|group| &group.bars).flat_map(|(_, parts)| parts) {
        if !names.contains(&part.name.as_str()) {
            names.push(&part.name);
        }
    }
    let mut keys: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for name in names {
        keys.entry(stage_colour(name)).or_default().push(name);
    }
    keys.into_iter().map(|(colour, names)| Key { colour, text: names.join(", ") }).collect()
}

/// The stages of a network under a condition, measured at once.
struct Breakdown<'a> {
    network: &'a Network,
    condition: &'a Condition,
    stages: Vec<&'a Stage>,
}

/// The newest whole measurement of each network under each condition. A process that was killed may leave a part, and a
/// cell that was measured again comes twice.
fn breakdowns(rows: &Rows) -> Vec<Breakdown<'_>> {
    let mut cells: Vec<(String, Vec<&(Network, Stage)>)> = Vec::new();
    for row in &rows.stages {
        // Rows of two binaries are of two measurements.
        let key = format!("{} {} {}", row.0.identity(), row.1.condition, row.1.revision);
        match cells.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => cells.push((key, vec![row])),
        }
    }
    let mut newest: Vec<Breakdown<'_>> = Vec::new();
    for (_, measured) in cells {
        for group in stages::groups(measured, |(_, stage)| stage.stage.clone()) {
            let Some((network, first)) = group.first() else { continue };
            let stages: Vec<&Stage> = group.iter().map(|(_, stage)| stage).collect();
            let breakdown = Breakdown { network, condition: &first.condition, stages };
            if !breakdown.is_whole(rows) {
                continue;
            }
            match newest.iter_mut().find(|other| other.is_of_the_cell_of(&breakdown)) {
                Some(other) => *other = breakdown,
                None => newest.push(breakdown),
            }
        }
    }
    newest
}

impl Breakdown<'_> {
    /// Whether its MACs are those of the network, where another table tells them.
    fn is_whole(&self, rows: &Rows) -> bool {
        let identity = self.network.identity();
        let mine = rows.latencies.iter().filter(|(network, _)| network.identity() == identity);
        let known: Vec<u64> = mine.filter_map(|(_, row)| row.macs).collect();
        known.is_empty() || known.contains(&self.stages.iter().map(|stage| stage.macs).sum())
    }

    fn is_of_the_cell_of(&self, other: &Breakdown<'_>) -> bool {
        self.network.identity() == other.network.identity() && self.condition == other.condition
    }

    /// How far it is from the network that its family is scaled from.
    fn distance(&self) -> f64 {
        self.network.width.ln().abs() + self.network.depth.ln().abs()
    }
}

/// The base of every family and, as far as there is room, the network furthest from it.
fn of_each_family<'a>(all: Vec<&'a Breakdown<'a>>) -> Vec<&'a Breakdown<'a>> {
    let mut families: BTreeMap<&Family, Vec<&Breakdown<'_>>> = BTreeMap::new();
    for breakdown in all {
        families.entry(&breakdown.network.family).or_default().push(breakdown);
    }
    for members in families.values_mut() {
        let size = |breakdown: &Breakdown<'_>| breakdown.network.side();
        members
            .sort_by(|one, other| one.distance().total_cmp(&other.distance()).then(size(other).total_cmp(&size(one))));
    }
    let mut shown: Vec<&Breakdown<'_>> = families.values().filter_map(|members| members.first().copied()).collect();
    let furthest = families.values().filter(|members| members.len() > 1).filter_map(|members| members.last().copied());
    shown.extend(furthest);
    shown.truncate(MOST_NETWORKS);
    let place = |breakdown: &Breakdown<'_>| {
        let macs: u64 = breakdown.stages.iter().map(|stage| stage.macs).sum();
        (breakdown.network.family.compound, breakdown.network.family.clone(), macs)
    };
    shown.sort_by_key(|breakdown| place(breakdown));
    shown
}

fn group(name: &str, stages: &[&Stage]) -> Option<Group> {
    let macs: u64 = stages.iter().map(|stage| stage.macs).sum();
    let time: f64 = stages.iter().map(|stage| stage.ms).sum();
    if macs == 0 || time <= 0.0 {
        return None;
    }
    let part = |stage: &Stage, share: f64, what: String| Part {
        name: stage.stage.clone(),
        colour: stage_colour(&stage.stage),
        length: 100.0 * share,
        title: format!("{name}, {}: {what}, {:.1} %", stage.stage, 100.0 * share),
    };
    let by_macs = stages
        .iter()
        .map(|stage| part(stage, stage.macs as f64 / macs as f64, format!("{} MACs", scaled(stage.macs as f64))));
    let by_time = stages.iter().map(|stage| part(stage, stage.ms / time, format!("{:.3} ms", stage.ms)));
    let bars = vec![("MACs".to_string(), by_macs.collect()), ("time".to_string(), by_time.collect())];
    let label = format!("{name}: {} MACs, {time:.2} ms", scaled(macs as f64));
    Some(Group { label, bars })
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;

    fn stage(model: &str, width: f64, name: &str, macs: u64, ms: f64) -> (Network, Stage) {
        let network = Network::new(&Registry::default(), model, (width, 1.0, 224), "native");
        let condition = Condition {
            batch: 1,
            threads: 1,
            dtype: "f32".into(),
            engine: "zoo".into(),
            device: "cpu".into(),
            cpu: "one".into(),
        };
        (network, Stage { condition, stage: name.into(), macs, ms, revision: "r".into() })
    }

    #[test]
    fn the_newest_whole_measurement_counts_and_two_are_not_added_up() {
        let measured =
            |ms: f64| [("stem", 1), ("top", 2)].map(|(name, macs)| stage("mobilenet-v2", 1.0, name, macs, ms));
        let mut stages: Vec<_> = [measured(1.0), measured(2.0)].concat();
        stages.push(stage("mobilenet-v2", 1.0, "stem", 1, 9.0));
        let (network, first) = stages[0].clone();
        let latency = Latency { condition: first.condition, macs: Some(3), ..Latency::default() };
        let rows = Rows { stages, latencies: vec![(network, latency)], ..Rows::default() };
        let found = breakdowns(&rows);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].stages.iter().map(|stage| stage.ms).collect::<Vec<_>>(), [2.0, 2.0]);
    }

    #[test]
    fn a_network_that_was_timed_twice_is_one_dot_of_its_newest_row() {
        let (network, first) = stage("mobilenet-v2", 1.0, "stem", 1, 1.0);
        let timed = |ms| {
            let (condition, macs, p50_ms) = (first.condition.clone(), Some(3), Some(ms));
            (network.clone(), Latency { condition, macs, p50_ms, ..Latency::default() })
        };
        let rows = Rows { latencies: vec![timed(9.0), timed(2.0)], ..Rows::default() };
        let Drawing::Lines(lines) = against_macs(&rows).unwrap().drawing else { panic!("no lines") };
        let dots: Vec<(f64, &str)> =
            lines.series.iter().flat_map(|series| &series.points).map(|point| (point.y, point.row.as_str())).collect();
        assert_eq!(dots, [(2.0, "l1")]);
    }

    #[test]
    fn every_family_is_shown_by_its_base_and_what_is_furthest_from_it() {
        let of = |model: &str, width: f64| stage(model, width, "stem", (100.0 * width) as u64, 1.0);
        let mut stages: Vec<_> = [1.4, 1.3, 1.0, 0.75, 0.5, 0.35].map(|width| of("mobilenet-v2", width)).to_vec();
        stages.extend([1.0, 0.75, 0.5, 0.25].map(|width| of("mobilenet-v1", width)));
        stages.push(of("efficientnet-b0", 1.0));
        let rows = Rows { stages, ..Rows::default() };
        let all = breakdowns(&rows);
        let shown: Vec<String> =
            of_each_family(all.iter().collect()).iter().map(|breakdown| breakdown.network.title()).collect();
        let expected = [
            "mobilenet-v1 x0.25 wide, 224 px",
            "mobilenet-v1, 224 px",
            "mobilenet-v2 x0.35 wide, 224 px",
            "mobilenet-v2, 224 px",
            "efficientnet-b0, 224 px",
        ];
        assert_eq!(shown, expected);
        assert!(by_stage(&rows).unwrap().caption.iter().any(|sentence| sentence.starts_with("6 more breakdowns")));
    }
}
