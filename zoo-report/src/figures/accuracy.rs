//! Accuracy against what it costs: MACs, parameters, latency.

use std::collections::BTreeSet;

use super::super::axis::{Axis, Unit};
use super::super::curve::{Along, Curve, curves};
use super::super::figure::{Drawing, Figure, Lines, Missing};
use super::super::network::dataset_title;
use super::super::observation::{Kind, Observation, Observations};
use super::names::{keys, names};
use super::{DEVIATION, by_dataset, fronts, left_out, main_sets, series};

/// What an accuracy may be set against.
struct Cost {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    unit: Unit,
    of: fn(&Observation) -> Option<f64>,
}

const COSTS: [Cost; 3] = [
    Cost {
        name: "macs",
        title: "MACs",
        axis: "multiply-accumulates for one image (log scale)",
        unit: Unit::Count,
        of: |observation| observation.macs,
    },
    Cost {
        name: "parameters",
        title: "parameters",
        axis: "trainable parameters (log scale)",
        unit: Unit::Count,
        of: |observation| observation.params,
    },
    Cost {
        name: "latency",
        title: "latency",
        axis: "median latency, ms (log scale)",
        unit: Unit::Plain,
        of: |observation| observation.latency,
    },
];

/// A figure for each cost and data set.
pub fn figures(observations: &Observations) -> Vec<Result<Figure, Missing>> {
    let mut figures = Vec::new();
    for cost in &COSTS {
        let before = figures.len();
        for (dataset, all) in by_dataset(observations) {
            figures.extend(figure(cost, &dataset, &all, observations).map(Ok));
        }
        if figures.len() == before {
            figures
                .push(Err(Missing { sentence: format!("No accuracy against {} yet: no row has both.", cost.title) }));
        }
    }
    figures
}

fn figure(cost: &Cost, dataset: &str, all: &[&Observation], observations: &Observations) -> Option<Figure> {
    let with_cost: Vec<&Observation> =
        // No logarithm of nothing.
        main_sets(all).into_iter().filter(|observation| (cost.of)(observation).is_some_and(|cost| cost > 0.0)).collect();
    let found = curves(&with_cost, Along::Cost);
    let shown: Vec<&Curve<'_>> = found.curves.iter().collect();
    let names = names(&shown, Along::Cost);
    let lines: Vec<_> = shown.iter().zip(names).map(|(curve, name)| series(curve, name, cost.of)).collect();
    let points = || lines.iter().flat_map(|series| &series.points);
    // One point is a number, and the table has it.
    points().nth(1)?;
    let x = Axis::around(cost.axis, cost.unit, true, points().map(|point| point.x))?;
    let y = top1_axis(dataset, points().flat_map(|point| heights(point.y, point.spread)))?;
    let mut caption: Vec<String> = Vec::new();
    if let (true, Some(condition)) = (cost.name == "latency", &observations.condition) {
        caption.push(format!("Latency measured here: {condition}."));
    }
    let fronts = fronts(&found.curves, cost.of);
    if !fronts.is_empty() && measured_terms(&found.curves) > 1 {
        caption.push("Each number of epochs and each recipe has its own Pareto front.".into());
    }
    let keys = keys(&shown);
    caption.extend(left_out(dataset, observations));
    caption.extend(found.notes);
    Some(Figure {
        name: format!("accuracy-{}-{}", cost.name, file_name(dataset)),
        title: format!("Accuracy against {}, {}", cost.title, dataset_title(dataset)),
        caption,
        drawing: Drawing::Lines(Lines {
            x,
            y,
            series: lines,
            names_outside: false,
            fronts,
            spread: DEVIATION,
            keys,
            shapes: Vec::new(),
            limit: None,
        }),
    })
}

/// In how many numbers of epochs and recipes there are runs of ours.
fn measured_terms(curves: &[Curve<'_>]) -> usize {
    let measured = curves.iter().filter(|curve| curve.kind == Kind::Measured);
    let terms: BTreeSet<_> = measured.flat_map(|curve| &curve.points).map(|point| point.terms()).collect();
    terms.len()
}

/// The axis of an accuracy.
pub fn top1_axis(dataset: &str, values: impl IntoIterator<Item = f64>) -> Option<Axis> {
    Axis::around(&format!("{} top-1 accuracy, %", dataset_title(dataset)), Unit::Plain, false, values)
}

/// How high a point and its error bar reach.
pub fn heights(y: f64, spread: Option<(f64, f64)>) -> [f64; 3] {
    let (low, high) = spread.unwrap_or((y, y));
    [y, low, high]
}

/// A data set's name as part of a file's.
pub fn file_name(dataset: &str) -> String {
    dataset.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
