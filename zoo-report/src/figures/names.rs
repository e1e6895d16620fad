//! What lines, points and colours are called: by their network, by what they hold fixed, and by what varies along them.

use std::collections::BTreeMap;

use super::super::curve::{Along, Curve};
use super::super::family::Family;
use super::super::figure::{Key, Label};
use super::super::network::Network;
use super::super::observation::{Kind, rounded};

/// A name for every curve of a figure, none twice where the rows tell a difference.
pub fn names(curves: &[&Curve<'_>], along: Along) -> Vec<Label> {
    let plain: Vec<Label> = curves.iter().map(|curve| name(curve, curves, along)).collect();
    let terms = |at: usize| curves[at].points.first().and_then(|point| point.epochs);
    let twice = |at: usize| plain.iter().filter(|other| other.long == plain[at].long).count() > 1;
    let named = |at: usize| match terms(at) {
        // A single run is told from others by its length.
        Some(epochs) if curves[at].kind == Kind::Measured && (curves[at].points.len() == 1 || twice(at)) => {
            plain[at].with(&format!(", {} epochs", rounded(epochs, 1)))
        }
        _ => plain[at].clone(),
    };
    (0..curves.len()).map(named).collect()
}

fn name(curve: &Curve<'_>, all: &[&Curve<'_>], along: Along) -> Label {
    let Some(network) = curve.points.first().and_then(|point| point.network.as_ref()) else {
        return Label { long: curve.family.title.clone(), short: curve.family.short.clone() };
    };
    let mine = || all.iter().filter(|other| other.family == curve.family && other.kind == curve.kind);
    let is_line = curve.points.len() > 1;
    let family = &curve.family;
    let base = if is_line || family.single {
        Label { long: family.title.clone(), short: family.short.clone() }
    } else {
        let short = network.short_title();
        Label { long: short.clone(), short }
    };
    let sizes = || mine().filter(|other| other.points.len() > 1).map(|other| other.input_size());
    let fixed = match along {
        Along::Cost if is_line && sizes().any(|size| size != curve.input_size()) => pixels(curve),
        Along::Width => pixels(curve),
        Along::InputSize => curve.width().map(|width| format!(" x{width}")),
        // A point is told from the lines of its family by its size.
        Along::Cost if !is_line && sizes().next().is_some() && sizes().all(|size| size != curve.input_size()) => {
            pixels(curve)
        }
        Along::Cost => None,
    };
    let is_other = |other: &Network| other.profile != network.profile;
    let lines = || mine().filter(|other| other.points.len() > 1);
    let several = is_line && lines().filter_map(|other| other.points.first()?.network.as_ref()).any(is_other);
    let measured_beside_published = curve.kind == Kind::Measured
        && all.iter().any(|other| other.family == curve.family && other.kind == Kind::Published);
    let profile = if several { format!(", {}", network.profile) } else { String::new() };
    let here = if is_line && measured_beside_published { " (here)" } else { "" };
    base.with(&format!("{}{profile}{here}", fixed.unwrap_or_default()))
}

fn pixels(curve: &Curve<'_>) -> Option<String> {
    curve.input_size().map(|size| format!(", {size} px"))
}

/// One entry for each family: its name, what varies along its lines, and what its lines hold fixed.
pub fn keys(curves: &[&Curve<'_>]) -> Vec<Key> {
    let mut families: Vec<&Family> = Vec::new();
    for curve in curves {
        if !families.contains(&&curve.family) {
            families.push(&curve.family);
        }
    }
    families.into_iter().map(|family| key(family, curves)).collect()
}

fn key(family: &Family, curves: &[&Curve<'_>]) -> Key {
    let lines: Vec<Vec<&Network>> = curves
        .iter()
        .filter(|curve| curve.family == *family && curve.points.len() > 1)
        .map(|curve| curve.points.iter().filter_map(|point| point.network.as_ref()).collect())
        .collect();
    Key { colour: family.colour, text: family.in_full() + &along_lines(&lines) }
}

/// `: width 0.25 to 1 at 128 to 224 px`, of the lines of one colour; nothing where there are none.
pub fn along_lines(lines: &[Vec<&Network>]) -> String {
    let mut parts = Vec::new();
    let mut fixed = Vec::new();
    for axis in [WIDTH, DEPTH, SIZE] {
        let spans = lines.iter().filter_map(|line| span(line.iter().map(|network| (axis.of)(network))));
        let varies: Vec<(f64, f64)> = spans.filter(|(low, high)| low < high).collect();
        let all = span(lines.iter().flatten().map(|network| (axis.of)(network)));
        match (varies.is_empty(), all) {
            (false, _) => parts.extend(span(varies.into_iter().flat_map(<[f64; 2]>::from)).map(|span| axis.text(span))),
            (true, Some((low, high))) if low < high || axis.is_told => fixed.push(axis.text((low, high))),
            _ => {}
        }
    }
    match (parts.is_empty(), fixed.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(": {}", parts.join(", ")),
        (false, false) => format!(": {} at {}", parts.join(", "), fixed.join(", ")),
    }
}

/// What varies among networks that no line joins.
pub fn among(networks: &[&Network]) -> String {
    let varies = [WIDTH, DEPTH, SIZE].into_iter().filter_map(|axis| {
        let span = span(networks.iter().map(|network| (axis.of)(network)))?;
        (span.0 < span.1).then(|| axis.text(span))
    });
    let varies: Vec<String> = varies.collect();
    if varies.is_empty() { String::new() } else { format!(": {}", varies.join(", ")) }
}

/// A family and its profile of several points, for entries of one colour.
pub fn by_family<'a>(networks: impl IntoIterator<Item = &'a Network>) -> Vec<Key> {
    let mut families: BTreeMap<&Family, Vec<&Network>> = BTreeMap::new();
    for network in networks {
        families.entry(&network.family).or_default().push(network);
    }
    let key = |(family, networks): (&Family, Vec<&Network>)| Key {
        colour: family.colour,
        text: family.in_full() + &among(&networks),
    };
    families.into_iter().map(key).collect()
}

struct Scale {
    of: fn(&Network) -> f64,
    name: &'static str,
    unit: &'static str,
    /// Whether a reader wants to know it where all lines share it.
    is_told: bool,
}

const WIDTH: Scale = Scale { of: |network| network.width, name: "width ", unit: "", is_told: false };
const DEPTH: Scale = Scale { of: |network| network.depth, name: "depth ", unit: "", is_told: false };
const SIZE: Scale = Scale { of: |network| network.side(), name: "", unit: " px", is_told: true };

impl Scale {
    fn text(&self, (low, high): (f64, f64)) -> String {
        let Scale { name, unit, .. } = self;
        if low < high {
            format!("{name}{} to {}{unit}", rounded(low, 3), rounded(high, 3))
        } else {
            format!("{name}{}{unit}", rounded(low, 3))
        }
    }
}

fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |span, value| match span {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;

    fn networks(model: &str, axes: &[(f64, f64, u32)]) -> Vec<Network> {
        axes.iter().map(|axes| Network::new(&Registry::default(), model, *axes, "native")).collect()
    }

    fn told(lines: &[Vec<Network>]) -> String {
        along_lines(&lines.iter().map(|line| line.iter().collect()).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_is_called_by_what_varies_along_it() {
        let widths = |size| networks("mobilenet-v2", &[(0.35, 1.0, size), (1.0, 1.0, size), (1.4, 1.0, size)]);
        assert_eq!(told(&[widths(224)]), ": width 0.35 to 1.4 at 224 px");
        assert_eq!(told(&[widths(224), widths(96)]), ": width 0.35 to 1.4 at 96 to 224 px");
        let sizes = |width| networks("mobilenet-v1", &[(width, 1.0, 128), (width, 1.0, 224)]);
        assert_eq!(told(&[sizes(0.5), sizes(1.0)]), ": 128 to 224 px at width 0.5 to 1");
        let compound = networks("efficientnet-b0", &[(1.0, 1.0, 224), (1.0, 1.1, 240), (2.0, 3.1, 600)]);
        assert_eq!(told(&[compound]), ": width 1 to 2, depth 1 to 3.1, 224 to 600 px");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn points_that_no_line_joins_are_told_by_what_varies_among_them() {
        let all = networks("mobilenet-v1", &[(0.5, 1.0, 32), (1.0, 1.0, 224)]);
        let keys = by_family(&all);
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].text, "MobileNetV1 (V1): width 0.5 to 1, 32 to 224 px");
    }
}
