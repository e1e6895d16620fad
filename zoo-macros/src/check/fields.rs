//! Fields of blocks: what holds for every integer, in rows, groups and layers alike. What a field may be is its block's to
//! say (`check`).

use proc_macro2::Ident;

use super::rules;
use crate::ast::{Cell, Field, Kind, Layer as LayerSyntax, TopItem as TopSyntax, Word};
use crate::diagnostics::Diagnostics;
use crate::network::{Layer, Scaling, TopItem};
use crate::words;

/// Largest integer that a cell may hold. `as _` would cut a larger one without a word in a narrow field.
pub const MAX_INT: u64 = 65_535;

/// Checks what holds for every field or column.
pub fn value(name: &Ident, cell: &Cell, errors: &mut Diagnostics) {
    let Some(int) = cell.int() else { return };
    let name = name.to_string();
    if int > MAX_INT {
        errors.at(cell.span, format!("`{name}` is {}: integers in blocks are at most 65535", cell.tokens));
    }
}

/// Reports fields that stand twice.
pub fn unique(fields: &[Field], errors: &mut Diagnostics) {
    for (index, field) in fields.iter().enumerate() {
        if fields[..index].iter().any(|earlier| earlier.name == field.name) {
            errors.at(field.name.span(), format!("duplicate field `{}`", field.name));
        }
    }
}

/// Checks the fields of a layer or a group's defaults, and drops those that are `-`.
pub fn checked(mut fields: Vec<Field>, errors: &mut Diagnostics) -> Vec<Field> {
    unique(&fields, errors);
    for field in &fields {
        value(&field.name, &field.value, errors);
    }
    fields.retain(|field| !field.value.is_absent());
    fields
}

/// The layers of a stem or a head.
pub fn layers(list: Vec<LayerSyntax>, errors: &mut Diagnostics) -> Vec<Layer> {
    list.into_iter().map(|syntax| layer(syntax, errors)).collect()
}

/// A layer of the stem, the head or the top.
fn layer(syntax: LayerSyntax, errors: &mut Diagnostics) -> Layer {
    let mut block = syntax.block;
    block.fields = checked(block.fields, errors);
    let scaling = syntax.scaling.and_then(|word| scaling(&word, errors));
    let channels = block.fields.iter().find(|field| field.name == "c").map(|field| field.value.clone());
    Layer { block, scaling, channels }
}

/// The word behind a layer.
fn scaling(word: &Word, errors: &mut Diagnostics) -> Option<Scaling> {
    let name = word.name.to_string();
    match name.as_str() {
        "fixed" | "floor" => {
            rules::without_arguments(word, errors);
            Some(if name == "fixed" { Scaling::Fixed } else { Scaling::Floor })
        }
        "fixed_below" => {
            let width = rules::number(word);
            if width.is_none() {
                errors.at(word.name.span(), "`fixed_below` needs a width multiplier: `fixed_below(0.75)`");
            }
            width.map(Scaling::FixedBelow)
        }
        _ => {
            let known = ["fixed", "fixed_below", "floor"];
            errors.at(word.name.span(), words::unknown("word after a layer", &name, &known));
            None
        }
    }
}

/// `top pool, dropout, linear;`
pub fn top(items: Vec<TopSyntax>, errors: &mut Diagnostics) -> Vec<TopItem> {
    let mut top = Vec::new();
    for item in items {
        match item {
            TopSyntax::Layer(syntax) => top.push(TopItem::Layer(Box::new(layer(syntax, errors)))),
            TopSyntax::Word(word) => match word.to_string().as_str() {
                "pool" => top.push(TopItem::Pool),
                "norm" => top.push(TopItem::Norm),
                "act" => top.push(TopItem::Act),
                "dropout" => top.push(TopItem::Dropout),
                "linear" => top.push(TopItem::Linear),
                other => {
                    let known = ["pool", "norm", "act", "dropout", "linear", "Conv { ... }"];
                    errors.at(word.span(), words::unknown("item of the top", other, &known));
                }
            },
        }
    }
    top
}

/// Whether the cell is a whole number or something whose value the macro cannot know.
pub fn may_be_whole(cell: &Cell) -> bool {
    matches!(cell.kind, Kind::Int(_) | Kind::Word(_) | Kind::Expression)
}
