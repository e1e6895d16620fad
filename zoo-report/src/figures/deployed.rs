//! What a network loses in accuracy when it is quantized.

use std::collections::BTreeMap;

use super::super::axis::{Axis, Unit};
use super::super::figure::{Dot, DotRow, Dots, Drawing, Figure, Missing};
use super::super::network::{Network, dataset_title};
use super::super::rows::Rows;
use super::engines::{colour, keys, shape, shapes};
use zoo_core::summary::grouped;
use zoo_results::{deployed, status};

/// The number format of quantized networks.
const QUANTIZED: &str = "int8";

/// A row of `deployed.csv` with its place and its network.
type Evaluated<'a> = (usize, &'a Network, &'a deployed::Row);

/// A row a network and set of images, with a point for each engine.
pub fn drop(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing {
        sentence:
            "No drop of accuracy by int8 yet: deployed.csv has no quantized network whose accuracy in f32 is known."
                .into(),
    };
    let mut groups: BTreeMap<String, BTreeMap<&str, Evaluated<'_>>> = BTreeMap::new();
    for (place, (network, row)) in rows.deployed.iter().enumerate() {
        let is_comparison = row.top1.is_some() && row.top1_f32.is_some() && row.dtype == QUANTIZED;
        if is_comparison && status::is_done(&row.status) {
            let key = format!("{} {} {:?}", network.identity(), row.dataset, row.images);
            // The last row counts.
            groups.entry(key).or_default().insert(&row.engine, (place, network, row));
        }
    }
    let shown: Vec<DotRow> = groups.values().filter_map(dots).collect();
    let engines: Vec<(&str, &str)> =
        groups.values().flat_map(BTreeMap::keys).map(|engine| (*engine, QUANTIZED)).collect();
    let values = shown.iter().flat_map(|row| &row.dots).map(|dot| dot.x).chain([0.0]);
    let x = Axis::around("top-1 of int8 less that of f32, points", Unit::Plain, false, values);
    let x = x.filter(|_| !shown.is_empty()).ok_or_else(missing)?;
    Ok(Figure {
        name: "drop-int8".into(),
        title: "What int8 costs in accuracy".into(),
        caption: vec![
            "Top-1 accuracy of the quantized network less that of the same weights in f32, on the same images: to the left \
             of the mark at 0, accuracy is lost."
                .into(),
            "From deployed.csv, measured here.".into(),
        ],
        drawing: Drawing::Dots(Dots {
            x,
            reference: 0.0,
            rows: shown,
            keys: keys(&engines),
            shapes: shapes(&engines),
        }),
    })
}

fn dots(group: &BTreeMap<&str, Evaluated<'_>>) -> Option<DotRow> {
    let (_, network, first) = group.values().next()?;
    let images = first.images.map(|images| format!(", {} images", grouped(images))).unwrap_or_default();
    let dot = |(place, network, row): &Evaluated<'_>| {
        let (int8, f32) = (row.top1?, row.top1_f32?);
        let (engine, dtype) = (&row.engine, &row.dtype);
        let title = format!("{} on {engine} in {dtype}: {int8:.2} %, in f32 {f32:.2} %", network.title());
        Some(Dot { x: int8 - f32, colour: colour(engine), shape: shape(dtype), row: deployed_id(*place), title })
    };
    let label = format!("{}: {}{images}", network.title(), dataset_title(&first.dataset));
    Some(DotRow { label, dots: group.values().filter_map(dot).collect() })
}

/// The id of a row of `deployed.csv` in the page's table.
pub fn deployed_id(number: usize) -> String {
    format!("d{number}")
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;
    use zoo_results::cells;

    use super::*;

    #[test]
    fn a_network_has_a_point_for_each_engine_of_its_newest_row() {
        let evaluated = |engine: &str, dtype: &str, top1: &str, top1_f32: &str| {
            let header =
                ["width", "depth", "input_size", "dataset", "images", "engine", "dtype", "top1", "top1_f32", "status"];
            let cells = ["1", "1", "224", "imagenet", "500", engine, dtype, top1, top1_f32, "done"].map(String::from);
            let network = Network::new(&Registry::default(), "mobilenet-v2", (1.0, 1.0, 224), "native");
            (network, cells::read(&header, &cells).unwrap())
        };
        let mut rows = Rows {
            deployed: vec![evaluated("zoo", "f32", "70", ""), evaluated("onnxruntime", "int8", "69", "")],
            ..Rows::default()
        };
        assert!(drop(&rows).is_err(), "without the accuracy in f32 there is no drop");
        rows.deployed.push(evaluated("onnxruntime", "int8", "66", "70"));
        rows.deployed.push(evaluated("openvino", "int8", "69.5", "70"));
        rows.deployed.push(evaluated("onnxruntime", "int8", "69", "70"));
        let Drawing::Dots(dots) = drop(&rows).unwrap().drawing else { panic!("no dots") };
        let shown: Vec<(f64, &str)> =
            dots.rows.iter().flat_map(|row| &row.dots).map(|dot| (dot.x, dot.row.as_str())).collect();
        assert_eq!(shown, [(-1.0, "d4"), (-0.5, "d3")]);
        assert_eq!(dots.rows[0].label, "mobilenet-v2, 224 px: ImageNet, 500 images");
    }
}
