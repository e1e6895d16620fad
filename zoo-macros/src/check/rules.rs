//! The sections that a table says once: axes, rounding, input, norm, init, padding.

use proc_macro2::Ident;

use super::fields;
use crate::ast::{Cell, Image, Kind, Struct, Word};
use crate::diagnostics::Diagnostics;
use crate::network::{Axes, DepthRounding, Draw, Init, MOST_VARIED, Padding, Report, WidthRounding};
use crate::words;

const AXES: [&str; 2] = ["width", "depth"];
/// Columns of `variants` and `claims` with a meaning of their own.
const OPTIONS: [&str; 9] = ["name", "width", "depth", "input", "dropout", "drop_path", "classes", "params", "macs"];
const NORMS: [&str; 2] = ["BatchNorm", "LayerNorm"];

/// `scale width, depth;`
pub fn axes(list: &[Ident], errors: &mut Diagnostics) -> Axes {
    let mut axes = Axes::default();
    for word in list {
        let axis = match word.to_string().as_str() {
            "width" => &mut axes.width,
            "depth" => &mut axes.depth,
            other => {
                errors.at(word.span(), words::unknown("axis", other, &AXES));
                continue;
            }
        };
        if std::mem::replace(axis, true) {
            errors.at(word.span(), format!("duplicate axis `{word}`"));
        }
    }
    axes
}

/// `vary c1, c2;`
pub fn vary(names: Vec<Ident>, errors: &mut Diagnostics) -> Vec<Ident> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            errors.at(name.span(), format!("duplicate name `{name}`"));
        }
        if OPTIONS.contains(&name.to_string().as_str()) {
            errors.at(name.span(), format!("`{name}` is a column of `variants` already: choose another name"));
        }
    }
    if let Some(first) = names.get(MOST_VARIED) {
        errors.at(first.span(), format!("`vary` has {} names: give at most {MOST_VARIED}", names.len()));
    }
    names
}

/// `report title: "EfficientNet", short: "EffNet", colour: 4, compound;`
pub fn report(list: Vec<(Ident, Option<Cell>)>, errors: &mut Diagnostics) -> Report {
    let mut report = Report::default();
    for (word, value) in list {
        let text = matches!(value, Some(Cell { kind: Kind::Text(_), .. }));
        let number = matches!(value, Some(Cell { kind: Kind::Int(_), .. }));
        match (word.to_string().as_str(), value) {
            ("title", value) if text => report.title = value,
            ("short", value) if text => report.short = value,
            ("colour", value) if number => report.colour = value,
            ("compound", None) => report.compound = true,
            ("single", None) => report.single = true,
            ("title" | "short", _) => {
                errors.at(word.span(), format!("`{word}` takes text in quotes: `{word}: \"V2\"`"));
            }
            ("colour", _) => errors.at(word.span(), "`colour` takes the number of a colour: `colour: 4`"),
            ("compound" | "single", _) => errors.at(word.span(), format!("`{word}` takes no value")),
            (other, _) => {
                let known = ["title", "short", "colour", "compound", "single"];
                errors.at(word.span(), words::unknown("word of `report`", other, &known));
            }
        }
    }
    report
}

/// `round width: divisible(8), depth: ceil;`
pub fn rounding(rules: &[(Ident, Word)], errors: &mut Diagnostics) -> (WidthRounding, DepthRounding) {
    let (mut width, mut depth) = (None, None);
    for (axis, word) in rules {
        let twice = match axis.to_string().as_str() {
            "width" => width.replace(width_rounding(word, errors)).is_some(),
            "depth" => depth.replace(depth_rounding(word, errors)).is_some(),
            other => {
                errors.at(axis.span(), words::unknown("axis", other, &AXES));
                false
            }
        };
        if twice {
            errors.at(axis.span(), format!("duplicate rounding of `{axis}`"));
        }
    }
    (width.unwrap_or(WidthRounding::Divisible(8)), depth.unwrap_or(DepthRounding::Up))
}

fn width_rounding(word: &Word, errors: &mut Diagnostics) -> WidthRounding {
    let arguments: Vec<Cell> = word.arguments.clone().into_iter().flatten().map(Cell::new).collect();
    let name = word.name.to_string();
    let rounding = match (name.as_str(), arguments.as_slice()) {
        ("divisible", [divisor]) => small(divisor).map(WidthRounding::Divisible),
        ("trunc", []) if word.arguments.is_none() => Some(WidthRounding::Truncated(1)),
        ("trunc", [_, _]) => least(word).map(WidthRounding::Truncated),
        ("divisible" | "trunc", _) => None,
        _ => {
            errors.at(word.name.span(), words::unknown("rounding of widths", &name, &["divisible", "trunc"]));
            return WidthRounding::Divisible(8);
        }
    };
    rounding.unwrap_or_else(|| {
        let message = format!(
            "`{name}` is written `{}`, with a whole number over 0",
            match name.as_str() {
                "divisible" => "divisible(8)",
                _ => "trunc` or `trunc(min 8)",
            }
        );
        errors.at(word.name.span(), message);
        WidthRounding::Divisible(8)
    })
}

/// The number of `(min 8)`.
fn least(word: &Word) -> Option<u32> {
    let arguments: Vec<Cell> = word.arguments.clone().into_iter().flatten().map(Cell::new).collect();
    match arguments.as_slice() {
        [min, least] if min.tokens.to_string() == "min" => small(least),
        _ => None,
    }
}

fn small(cell: &Cell) -> Option<u32> {
    cell.int().filter(|value| (1..=fields::MAX_INT).contains(value)).map(|value| value as u32)
}

fn depth_rounding(word: &Word, errors: &mut Diagnostics) -> DepthRounding {
    without_arguments(word, errors);
    match word.name.to_string().as_str() {
        "ceil" => DepthRounding::Up,
        "trunc" => DepthRounding::Truncated,
        other => {
            errors.at(word.name.span(), words::unknown("rounding of depths", other, &["ceil", "trunc"]));
            DepthRounding::Up
        }
    }
}

/// `init conv: fan_out, linear: normal(0.01);` or `init fan_in;`
pub fn init(list: &[(Option<Ident>, Word)], errors: &mut Diagnostics) -> Init {
    let mut init = Init::default();
    for (layer, word) in list {
        let draw = draw(word, errors);
        let twice = match layer {
            None => init.conv.replace(draw.clone()).is_some() | init.linear.replace(draw).is_some(),
            Some(layer) if layer == "conv" => init.conv.replace(draw).is_some(),
            Some(layer) if layer == "linear" => init.linear.replace(draw).is_some(),
            Some(other) => {
                errors.at(other.span(), words::unknown("layer", &other.to_string(), &["conv", "linear"]));
                false
            }
        };
        if twice {
            errors.at(word.name.span(), "`init` has one word, or one for `conv` and one for `linear`");
        }
    }
    init
}

fn draw(word: &Word, errors: &mut Diagnostics) -> Draw {
    let name = word.name.to_string();
    let draw = match name.as_str() {
        "fan_out" => match word.arguments {
            Some(_) => least(word).map(Draw::FanOut),
            None => Some(Draw::FanOut(1)),
        },
        "fan_in" => {
            without_arguments(word, errors);
            Some(Draw::FanIn)
        }
        "normal" => number(word).map(Draw::Normal),
        "truncated_normal" => number(word).map(Draw::TruncatedNormal),
        other => {
            errors.at(
                word.name.span(),
                words::unknown("init", other, &["fan_out", "fan_in", "normal", "truncated_normal"]),
            );
            return Draw::FanIn;
        }
    };
    draw.unwrap_or_else(|| {
        let message = match name.as_str() {
            "fan_out" => "`fan_out` is written `fan_out` or `fan_out(min 1000)`, with a whole number over 0".into(),
            _ => format!("`{name}` needs its standard deviation: `{name}(0.02)`"),
        };
        errors.at(word.name.span(), message);
        Draw::FanIn
    })
}

/// `padding symmetric;`
pub fn padding(word: &Word, errors: &mut Diagnostics) -> Padding {
    without_arguments(word, errors);
    match word.name.to_string().as_str() {
        "symmetric" => Padding::Symmetric,
        "same" => Padding::Same,
        other => {
            errors.at(word.name.span(), words::unknown("padding", other, &["symmetric", "same"]));
            Padding::Symmetric
        }
    }
}

/// `input 3 x 224;`
pub fn image(image: &Image, errors: &mut Diagnostics) {
    let (height, width) = match &image.width {
        Some(width) => ((&image.height, "height of the input"), Some((width, "width of the input"))),
        None => ((&image.height, "side of the input"), None),
    };
    for (cell, what) in [(&image.channels, "channels"), height].into_iter().chain(width) {
        match cell.int() {
            Some(1..=fields::MAX_INT) => {}
            _ => errors.at(cell.span, format!("the {what} must be a whole number from 1 to 65535: `input 3 x 224;`")),
        }
    }
}

/// `norm BatchNorm { eps: 1e-3, momentum: 0.01 };`
pub fn norm(norm: &Struct, errors: &mut Diagnostics) {
    let name = norm.path.to_string();
    if !NORMS.contains(&name.as_str()) {
        errors.over(&norm.path, words::unknown("norm", &name, &NORMS));
    }
    fields::unique(&norm.fields, errors);
}

/// The only argument, if it is a number.
pub fn number(word: &Word) -> Option<Cell> {
    let mut arguments = word.arguments.clone().into_iter().flatten().map(Cell::new);
    match (arguments.next(), arguments.next()) {
        (Some(cell), None) if matches!(cell.kind, Kind::Float | Kind::Int(_)) => Some(cell),
        _ => None,
    }
}

/// Reports arguments where a word has none.
pub fn without_arguments(word: &Word, errors: &mut Diagnostics) {
    if let Some(arguments) = &word.arguments {
        errors.over(arguments, format!("`{}` takes no arguments", word.name));
    }
}
