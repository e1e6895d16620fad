//! What the engines and the number formats come to: accuracy against latency, and the latency of one network on each.

use std::collections::BTreeMap;

use zoo_core::Registry;
use zoo_core::summary::grouped;

use super::super::axis::{Axis, Unit};
use super::super::candidate::{Candidate, Target, candidates, datasets, front, said, source};
use super::super::family::Family;
use super::super::figure::{Dot, DotRow, Dots, Drawing, Figure, Key, Label, Lines, Missing, Point, Series};
use super::super::latencies::{Newest, Timed, condition_of_engines};
use super::super::mark::{GREY, Shape};
use super::super::network::{Network, dataset_title};
use super::super::observation::Kind;
use super::super::rows::{Condition, Rows};
use super::accuracy::{file_name, top1_axis};
use super::latency_id;
use zoo_results::timed::ENGINES;

/// More networks than these make a figure of several screens.
const MOST_NETWORKS: usize = 14;

/// The engine and the number format that others are compared with.
const REFERENCE: (&str, &str) = ("zoo", "f32");

/// Accuracy against latency by engine and number format, for each data set with an accuracy of what was timed.
pub fn figures(rows: &Rows, registry: &Registry) -> Vec<Result<Figure, Missing>> {
    let missing = || Missing {
        sentence: "No accuracy against latency by engine yet: no two engines have rows of networks with an accuracy."
            .into(),
    };
    let Some(condition) = condition_of_engines(rows) else { return vec![Err(missing())] };
    let target = Target::from(&condition);
    let of_dataset = |dataset: String| {
        let timed = candidates(rows, registry, &target, &dataset);
        let by = source(&timed);
        let figure = accuracy(&dataset, &target, &timed, by, None)?;
        // One line alone is in the figure of accuracy against latency.
        let is_comparison = matches!(&figure.drawing, Drawing::Lines(lines) if lines.series.len() > 1);
        is_comparison.then_some(figure)
    };
    let figures: Vec<Figure> = datasets(rows).into_iter().filter_map(of_dataset).collect();
    if figures.is_empty() { vec![Err(missing())] } else { figures.into_iter().map(Ok).collect() }
}

/// The fronts of all engines and number formats, with the budget in milliseconds where there is one.
pub fn accuracy(
    dataset: &str,
    target: &Target,
    timed: &[Candidate],
    by: Kind,
    budget_ms: Option<f64>,
) -> Option<Figure> {
    let mut groups: BTreeMap<(usize, usize), Vec<Candidate>> = BTreeMap::new();
    for candidate in timed {
        groups.entry(place(&candidate.engine, &candidate.dtype)).or_default().push(candidate.clone());
    }
    let lines: Vec<Series> = groups.values().filter_map(|group| series(&front(group, by), by)).collect();
    let points = || lines.iter().flat_map(|series| &series.points);
    // One point is a number, and the table has it.
    points().nth(1)?;
    let title = "median latency, ms (log scale)";
    let x = Axis::around(title, Unit::Plain, true, points().map(|point| point.x).chain(budget_ms))?;
    let y = top1_axis(dataset, points().map(|point| point.y))?;
    let whole = front(timed, by);
    let whole: Vec<(f64, f64)> = whole.iter().filter_map(|one| Some((one.p50_ms, one.top1(by)?))).collect();
    let shown: Vec<(&str, &str)> =
        timed.iter().map(|candidate| (candidate.engine.as_str(), candidate.dtype.as_str())).collect();
    let mut caption = vec![
        "A line is the Pareto front of an engine in a number format: no other network on it is both faster and at least as \
         accurate. The dashed line is the front of all."
            .to_string(),
        format!("Accuracies are {}.", told(timed, by)),
    ];
    caption.push(format!("Latency from latency.csv, measured here: {target}."));
    Some(Figure {
        name: format!("accuracy-engines-{}", file_name(dataset)),
        title: format!("Accuracy against latency by engine, {}", dataset_title(dataset)),
        caption,
        drawing: Drawing::Lines(Lines {
            x,
            y,
            series: lines,
            names_outside: false,
            fronts: vec![whole],
            spread: "",
            keys: keys(&shown),
            shapes: shapes(&shown),
            limit: budget_ms.map(|ms| (ms, format!("budget: {ms} ms"))),
        }),
    })
}

/// What the accuracies of a figure are, in words.
fn told(timed: &[Candidate], by: Kind) -> String {
    let is_ranked = |candidate: &&Candidate| candidate.top1(by).is_some();
    let quantized = timed.iter().filter(is_ranked).any(Candidate::is_quantized);
    let images = timed.iter().filter_map(|candidate| candidate.measured).find_map(|measured| measured.images);
    match (by, quantized, images) {
        (Kind::Published, false, _) => "published, and so of f32".into(),
        (Kind::Published, true, _) => "published, less what int8 loses here (deployed.csv)".into(),
        (Kind::Measured, _, Some(images)) => format!("{} on {} images", said(by), grouped(images)),
        (Kind::Measured, _, None) => said(by).into(),
    }
}

fn series(front: &[Candidate], by: Kind) -> Option<Series> {
    let first = front.first()?;
    let point = |candidate: &Candidate| {
        let (x, y) = (candidate.p50_ms, candidate.top1(by)?);
        let title = format!("{}: {y:.2} % top-1 {}, {x:.2} ms", candidate.title(), said(by));
        Some(Point { x, y, spread: None, row: latency_id(candidate.place), title })
    };
    let name = format!("{} {}", first.engine, first.dtype);
    Some(Series {
        label: Label { long: name.clone(), short: name },
        colour: colour(&first.engine),
        shape: shape(&first.dtype),
        kind: by,
        joined: true,
        points: front.iter().filter_map(point).collect(),
    })
}

/// The median of each engine and number format over that of the reference, a row a network.
pub fn relative(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing {
        sentence: "No network over engines yet: none was timed by two of them under the same conditions.".into(),
    };
    let main = condition_of_engines(rows).ok_or_else(missing)?;
    let target = Target::from(&main);
    let on = |(engine, dtype): (&str, &str)| {
        let condition = Condition { engine: engine.into(), dtype: dtype.into(), ..main.clone() };
        Newest::of(rows, &condition)
    };
    let mut ways: Vec<(&str, &str)> = rows
        .latencies
        .iter()
        .map(|(_, row)| &row.condition)
        .filter(|condition| target.is_of(condition) && ENGINES.contains(&condition.engine.as_str()))
        .map(|condition| (condition.engine.as_str(), condition.dtype.as_str()))
        .collect();
    ways.sort_by_key(|(engine, dtype)| place(engine, dtype));
    ways.dedup();
    let timed: Vec<((&str, &str), Newest<'_>)> = ways.iter().map(|way| (*way, on(*way))).collect();
    let references = on(REFERENCE);
    let mut all: Vec<(&Network, DotRow)> =
        references.iter().filter_map(|one| Some((one.1, row(one, &timed)?))).collect();
    if all.iter().all(|(_, row)| row.dots.len() < 2) {
        return Err(missing());
    }
    // A network that lacks an engine would be read as one that it cannot run. Number formats need not be complete.
    let engines = |row: &DotRow| row.dots.iter().filter(|dot| dot.shape == shape(REFERENCE.1)).count();
    let most = all.iter().map(|(_, row)| engines(row)).max();
    let measured = all.len();
    all.retain(|(_, row)| Some(engines(row)) == most && row.dots.len() > 1);
    let shown = of_each_family(all);
    let mut caption = vec![
        "Median latency of each engine over that of zoo in f32, for the same network: to the left of the mark at 1 it is \
         faster."
            .to_string(),
        format!("From latency.csv, measured here: {target}."),
    ];
    if measured > shown.len() {
        caption.push(format!("{} more networks are in the table.", measured - shown.len()));
    }
    let values = shown.iter().flat_map(|row| &row.dots).map(|dot| dot.x);
    let x = Axis::around("latency relative to zoo in f32 (log scale)", Unit::Plain, true, values);
    Ok(Figure {
        name: "engines-relative".into(),
        title: "The same network over engines".into(),
        caption,
        drawing: Drawing::Dots(Dots {
            x: x.ok_or_else(missing)?,
            reference: 1.0,
            rows: shown,
            keys: keys(&ways),
            shapes: shapes(&ways),
        }),
    })
}

fn row((_, network, latency): Timed<'_>, timed: &[((&str, &str), Newest<'_>)]) -> Option<DotRow> {
    let reference = latency.p50_ms.filter(|ms| *ms > 0.0)?;
    let identity = network.identity();
    let dot = |((engine, dtype), newest): &((&str, &str), Newest<'_>)| {
        let mut mine = newest.iter().filter(|(_, other, row)| other.identity() == identity && row.macs == latency.macs);
        let (place, _, row) = mine.next()?;
        let ms = row.p50_ms.filter(|ms| *ms > 0.0)?;
        let x = ms / reference;
        let title = format!("{} on {engine} in {dtype}: {ms:.2} ms, {x:.2} of zoo in f32", network.title());
        Some(Dot { x, colour: colour(engine), shape: shape(dtype), row: latency_id(place), title })
    };
    Some(DotRow {
        label: format!("{}: {reference:.2} ms on zoo", network.title()),
        dots: timed.iter().filter_map(dot).collect(),
    })
}

/// The first network of every family, then the second and so on, as far as there is room; in the order of families.
fn of_each_family(rows: Vec<(&Network, DotRow)>) -> Vec<DotRow> {
    let mut families: BTreeMap<Family, Vec<DotRow>> = BTreeMap::new();
    for (network, row) in rows {
        families.entry(network.family.clone()).or_default().push(row);
    }
    let mut quota: Vec<usize> = vec![0; families.len()];
    let mut left = MOST_NETWORKS;
    while left > 0 && families.values().zip(&quota).any(|(rows, taken)| *taken < rows.len()) {
        for (rows, taken) in families.values().zip(&mut quota) {
            if left > 0 && *taken < rows.len() {
                (*taken, left) = (*taken + 1, left - 1);
            }
        }
    }
    families.into_values().zip(quota).flat_map(|(rows, taken)| rows.into_iter().take(taken)).collect()
}

/// Order of an engine and a number format.
pub fn place(engine: &str, dtype: &str) -> (usize, usize) {
    let at = |names: &[&str], name: &str| names.iter().position(|other| *other == name).unwrap_or(names.len());
    (at(&ENGINES, engine), at(&DTYPES, dtype))
}

const DTYPES: [&str; 3] = ["f32", "bf16", "int8"];

/// The colour of an engine.
pub fn colour(engine: &str) -> usize {
    // Those that a colour-blind reader tells apart best.
    let colours = [0, 1, 2, 3, 5];
    let at = ENGINES.iter().position(|name| *name == engine);
    at.and_then(|at| colours.get(at).copied()).unwrap_or(GREY)
}

/// The shape of a number format.
pub fn shape(dtype: &str) -> Shape {
    match dtype {
        "f32" => Shape::Circle,
        "bf16" => Shape::Square,
        "int8" => Shape::Triangle,
        _ => Shape::Diamond,
    }
}

/// What the colours stand for.
pub fn keys(shown: &[(&str, &str)]) -> Vec<Key> {
    let is_shown = |engine: &&str| shown.iter().any(|(other, _)| other == engine);
    ENGINES.into_iter().filter(is_shown).map(|engine| Key { colour: colour(engine), text: engine.into() }).collect()
}

/// What the shapes stand for, where there are several.
pub fn shapes(shown: &[(&str, &str)]) -> Vec<(Shape, String)> {
    let is_shown = |dtype: &&str| shown.iter().any(|(_, other)| other == dtype);
    let all: Vec<_> = DTYPES.into_iter().filter(is_shown).map(|dtype| (shape(dtype), dtype.to_string())).collect();
    if all.len() > 1 { all } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::super::rows::{Latency, Published};
    use super::*;

    fn timed(width: f64, engine: &str, dtype: &str, ms: f64) -> (Network, Latency) {
        let network = Network::new(&Registry::default(), "mobilenet-v2", (width, 1.0, 224), "native");
        let (engine, dtype) = (engine.into(), dtype.into());
        let condition = Condition { batch: 1, threads: 1, engine, dtype, ..Condition::default() };
        (network, Latency { condition, p50_ms: Some(ms), ..Latency::default() })
    }

    fn rows() -> Rows {
        let latencies = vec![
            timed(1.0, "zoo", "f32", 4.0),
            timed(1.0, "openvino", "f32", 3.0),
            timed(1.0, "openvino", "bf16", 2.0),
            timed(0.5, "zoo", "f32", 2.0),
        ];
        let published = [(0.5, 65.4), (1.0, 72.0)].map(|(width, top1)| {
            let network = timed(width, "", "", 0.0).0;
            (Some(network), Published { dataset: "imagenet".into(), top1: Some(top1), ..Published::default() })
        });
        Rows { latencies, published: published.to_vec(), ..Rows::default() }
    }

    #[test]
    fn a_line_is_the_front_of_an_engine_in_a_number_format() {
        let figures = figures(&rows(), &Registry::default());
        let Drawing::Lines(lines) = &figures[0].as_ref().unwrap().drawing else { panic!("no lines") };
        let shown: Vec<(&str, usize)> =
            lines.series.iter().map(|series| (series.label.long.as_str(), series.points.len())).collect();
        assert_eq!(shown, [("zoo f32", 2), ("openvino f32", 1), ("openvino bf16", 1)]);
        assert_eq!((lines.shapes.len(), lines.keys.len()), (2, 2));
    }

    #[test]
    fn a_network_is_set_against_itself_on_the_reference() {
        let Drawing::Dots(dots) = relative(&rows()).unwrap().drawing else { panic!("no dots") };
        let shown: Vec<Vec<f64>> = dots.rows.iter().map(|row| row.dots.iter().map(|dot| dot.x).collect()).collect();
        // The one that has a row on zoo alone is no comparison.
        assert_eq!(shown, [[1.0, 0.75, 0.5]]);
    }

    #[test]
    fn one_engine_alone_is_no_figure() {
        let latencies = vec![timed(1.0, "zoo", "f32", 4.0), timed(0.5, "zoo", "f32", 2.0)];
        let rows = Rows { latencies, ..rows() };
        assert!(figures(&rows, &Registry::default())[0].is_err() && relative(&rows).is_err());
    }
}
