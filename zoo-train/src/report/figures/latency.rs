//! Latency against MACs, and which stages each of the two is spent in.

use std::collections::BTreeMap;

use super::super::axis::{Axis, Unit};
use super::super::figure::{Bars, Drawing, Figure, Group, Lines, Missing, Part, Point, Series};
use super::super::network::Network;
use super::super::observation::{Kind, scaled};
use super::super::rows::{Condition, Latency, Rows, Stage};
use super::super::theme::colour_of;
use super::name_families;

/// More bars than these make a figure of several screens.
const MOST_NETWORKS: usize = 8;

/// A line a family, under the condition that most networks were timed under.
pub fn against_macs(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing { sentence: "No latency against MACs yet: no row of latency.csv has a time.".into() };
    let condition = super::super::observation::main_condition(rows).ok_or_else(missing)?;
    let mut families: BTreeMap<(String, String), Vec<Point>> = BTreeMap::new();
    for (number, (network, row)) in rows.latencies.iter().enumerate() {
        if row.condition == condition {
            let key = (network.family.clone(), network.profile.clone());
            families.entry(key).or_default().extend(point(number, network, row));
        }
    }
    let mut names = Vec::new();
    let mut lines = Vec::new();
    for ((family, _), mut points) in families {
        points.sort_by(|one, other| one.x.total_cmp(&other.x));
        lines.push(Series { label: None, colour: colour_of(&family), kind: Kind::Measured, joined: false, points });
        names.push((family, Kind::Measured));
    }
    name_families(&mut lines, &names);
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
    let mut caption = vec![format!("Measured here: {condition}. Bars reach up to the 90th percentile.")];
    if others > 0 {
        caption.push(format!("{others} rows of other conditions are in the table."));
    }
    Ok(Figure {
        name: "latency-macs".into(),
        title: "Latency against MACs".into(),
        caption,
        drawing: Drawing::Lines(Lines { x, y, series: lines, names_outside: false, fronts: Vec::new() }),
    })
}

fn point(number: usize, network: &Network, row: &Latency) -> Option<Point> {
    let (x, y) = (row.macs? as f64, row.p50_ms?);
    let condition = &row.condition;
    let title = format!("{}: {y:.2} ms, {} MACs ({condition}, {})", network.title(), scaled(x), row.environment.cpu);
    Some(Point { x, y, spread: row.p90_ms.map(|p90| (y, p90)), row: latency_id(number), title })
}

/// The id of a row of `latency.csv` in the page's table.
pub fn latency_id(number: usize) -> String {
    format!("l{number}")
}

/// For each network, the share of every stage in its MACs and in its time.
pub fn by_stage(rows: &Rows) -> Result<Figure, Missing> {
    let mut timed: Vec<(String, &Condition, Vec<&Stage>)> = Vec::new();
    for (network, row) in &rows.stages {
        let title = network.title();
        match timed.iter_mut().find(|(name, condition, _)| *name == title && **condition == row.condition) {
            Some((_, _, stages)) => stages.push(row),
            None => timed.push((title, &row.condition, vec![row])),
        }
    }
    let one_image = timed.iter().any(|(_, condition, _)| condition.batch == 1);
    let mut networks: Vec<_> = timed.iter().filter(|(_, condition, _)| !one_image || condition.batch == 1).collect();
    // One condition a figure, the first of the file: shares under different ones would look like a property of networks.
    let first = networks.first().map(|(_, condition, _)| *condition);
    networks.retain(|(_, condition, _)| Some(*condition) == first);
    let left_out = timed.len() - networks.len().min(MOST_NETWORKS);
    let groups: Vec<Group> =
        networks.iter().take(MOST_NETWORKS).filter_map(|(name, _, stages)| group(name, stages)).collect();
    let (Some(condition), false) = (first, groups.is_empty()) else {
        return Err(Missing { sentence: "No latency by stage yet: latency-stages.csv has no rows.".into() });
    };
    let mut caption = vec![format!("Where the MACs are and where the time goes. Measured here: {condition}.")];
    if left_out > 0 {
        caption.push(format!("{left_out} more breakdowns are in latency-stages.csv."));
    }
    Ok(Figure {
        name: "latency-stages".into(),
        title: "Latency by stage".into(),
        caption,
        drawing: Drawing::Bars(Bars { x: Axis::fixed("share, %", 0.0, 100.0), groups }),
    })
}

fn group(name: &str, stages: &[&Stage]) -> Option<Group> {
    let macs: u64 = stages.iter().map(|stage| stage.macs).sum();
    let time: f64 = stages.iter().map(|stage| stage.ms).sum();
    if macs == 0 || time <= 0.0 {
        return None;
    }
    let part = |stage: &Stage, share: f64, what: String| Part {
        name: stage.stage.clone(),
        length: 100.0 * share,
        title: format!("{}: {what}, {:.1} %", stage.stage, 100.0 * share),
    };
    let by_macs = stages
        .iter()
        .map(|stage| part(stage, stage.macs as f64 / macs as f64, format!("{} MACs", scaled(stage.macs as f64))));
    let by_time = stages.iter().map(|stage| part(stage, stage.ms / time, format!("{:.3} ms", stage.ms)));
    let bars = vec![("MACs".to_string(), by_macs.collect()), ("time".to_string(), by_time.collect())];
    let label = format!("{name}: {} MACs, {time:.2} ms", scaled(macs as f64));
    Some(Group { label, bars })
}
