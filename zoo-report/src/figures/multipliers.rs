//! Accuracy along one multiplier, all else equal: the width and the resolution curves of the MobileNet papers.

use super::super::axis::{Axis, Unit};
use super::super::curve::{Along, Curve, curves};
use super::super::figure::{Drawing, Figure, Lines, Missing};
use super::super::network::dataset_title;
use super::super::observation::{Observation, Observations};
use super::accuracy::{file_name, heights, top1_axis};
use super::names::{keys, names};
use super::{DEVIATION, by_dataset, main_sets, series};

/// A figure of widths and one of resolutions for each data set that has a line.
pub fn figures(observations: &Observations) -> Vec<Result<Figure, Missing>> {
    let mut figures = Vec::new();
    for (along, name, sentence) in [
        (Along::Width, "width", "No width curve yet: no family has rows of two widths at one input size."),
        (Along::InputSize, "resolution", "No resolution curve yet: no network has rows of two input sizes."),
    ] {
        let before = figures.len();
        for (dataset, all) in by_dataset(observations) {
            figures.extend(figure(along, name, &dataset, &all).map(Ok));
        }
        if figures.len() == before {
            figures.push(Err(Missing { sentence: sentence.into() }));
        }
    }
    figures
}

fn figure(along: Along, name: &str, dataset: &str, all: &[&Observation]) -> Option<Figure> {
    let found = curves(&main_sets(all), along);
    let mut lines: Vec<&Curve<'_>> = found.curves.iter().filter(|curve| curve.points.len() > 1).collect();
    if along == Along::Width {
        // At smaller inputs a width curve has the same shape; the figure of resolutions shows those.
        let largest = |curve: &Curve<'_>| {
            let mut rivals = lines.iter().filter(|other| (&other.family, other.kind) == (&curve.family, curve.kind));
            let side = |curve: &Curve<'_>| curve.input_size().map(|size| size.image.mean_side());
            rivals.all(|other| side(other) <= side(curve))
        };
        lines = lines.iter().copied().filter(|curve| largest(curve)).collect();
    }
    let place = |observation: &Observation| {
        let network = observation.network.as_ref()?;
        Some(if along == Along::Width { network.width } else { network.side() })
    };
    let names = names(&lines, along);
    let drawn: Vec<_> = lines.iter().zip(names).map(|(curve, name)| series(curve, name, place)).collect();
    let points = || drawn.iter().flat_map(|series| &series.points);
    let (title, unit) = match along {
        Along::Width => ("width multiplier", Unit::Plain),
        _ => ("input size, px", Unit::Pixels),
    };
    let x = Axis::around(title, unit, false, points().map(|point| point.x))?;
    let y = top1_axis(dataset, points().flat_map(|point| heights(point.y, point.spread)))?;
    Some(Figure {
        name: format!("{name}-{}", file_name(dataset)),
        title: format!(
            "Accuracy along {}, {}",
            if along == Along::Width { "width" } else { "resolution" },
            dataset_title(dataset)
        ),
        caption: found.notes,
        drawing: Drawing::Lines(Lines {
            x,
            y,
            series: drawn,
            names_outside: true,
            fronts: Vec::new(),
            spread: DEVIATION,
            keys: keys(&lines),
            shapes: Vec::new(),
            limit: None,
        }),
    })
}
