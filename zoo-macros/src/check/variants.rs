//! The rows of `variants` and `claims`.

use proc_macro2::Ident;

use super::fields::MAX_INT;
use super::stages::{arity, columns};
use crate::ast::{Cell, Field, Grid, Kind, Row};
use crate::diagnostics::Diagnostics;
use crate::network::{Axes, Claim, Profile, Variant};
use crate::words;

/// Checks `variants`.
pub fn variants(grid: Grid, axes: Axes, vary: &[Ident], errors: &mut Diagnostics) -> Vec<Variant> {
    let varied: Vec<String> = vary.iter().map(Ident::to_string).collect();
    let mut more = vec!["input", "dropout", "drop_path"];
    more.extend(varied.iter().map(String::as_str));
    header("variants", &grid, &more, axes, errors);
    for name in vary.iter().filter(|name| !grid.header.contains(name)) {
        errors.at(name.span(), format!("`variants` has no column `{name}`, which `vary` names"));
    }
    if grid.rows.is_empty() {
        let name = grid.header.first();
        errors.over(name, "`variants` has no rows: a network has at least one");
    }
    let mut variants: Vec<Variant> = Vec::new();
    for (index, row) in grid.rows.iter().enumerate() {
        let (name, options) = match (read("variants", index, row, &grid.header, errors), row.cells.first()) {
            (Some(read), _) => read,
            // A row with mistakes still names a variant, so that its claims do not call it unknown.
            (None, Some(name)) => (name.clone(), Vec::new()),
            (None, None) => continue,
        };
        if variants.iter().any(|earlier| earlier.name.tokens.to_string() == name.tokens.to_string()) {
            errors.at(name.span, format!("duplicate variant {}", name.tokens));
        }
        let (varied, options): (Vec<Field>, Vec<Field>) =
            options.into_iter().partition(|option| vary.contains(&option.name));
        let varied = vary.iter().map(|name| varied.iter().find(|field| field.name == *name).cloned()).collect();
        variants.push(Variant { name, options, varied });
    }
    variants
}

/// Checks `claims`.
pub fn claims(
    grid: Grid,
    axes: Axes,
    profiles: &[Profile],
    variants: &[Variant],
    errors: &mut Diagnostics,
) -> Vec<Claim> {
    header("claims", &grid, &["params", "macs", "profile", "input", "classes"], axes, errors);
    let mut claims = Vec::new();
    for (index, row) in grid.rows.iter().enumerate() {
        let Some((name, fields)) = read("claims", index, row, &grid.header, errors) else { continue };
        let variant = variant(&name, variants, errors);
        let mut claim = Claim { name, variant: 0, options: Vec::new(), profile: None, params: None, macs: None };
        for field in fields {
            match field.name.to_string().as_str() {
                "params" => claim.params = Some(field.value),
                "macs" => claim.macs = Some(field.value),
                "profile" => claim.profile = profile(&field.value, profiles, errors),
                _ => claim.options.push(field),
            }
        }
        for count in [&claim.params, &claim.macs].into_iter().flatten() {
            if !matches!(count.kind, Kind::Int(_)) {
                errors.at(count.span, "a claim is a whole number, or `-` where nothing is claimed");
            }
        }
        if claim.params.is_none() && claim.macs.is_none() {
            errors.at(claim.name.span, "this row claims nothing: give `params` or `macs`");
        }
        if let Some(variant) = variant {
            claims.push(Claim { variant, ..claim });
        }
    }
    claims
}

fn header(section: &str, grid: &Grid, more: &[&str], axes: Axes, errors: &mut Diagnostics) {
    columns(&grid.header, errors);
    let mut known = vec!["name"];
    known.extend(axes.width.then_some("width"));
    known.extend(axes.depth.then_some("depth"));
    known.extend(more);
    for column in &grid.header {
        let name = column.to_string();
        if known.contains(&name.as_str()) {
            continue;
        }
        if matches!(name.as_str(), "width" | "depth") {
            errors.at(
                column.span(),
                format!("`{name}` is not an axis of this table: add it to `scale`, or remove the column"),
            );
        } else {
            errors.at(column.span(), words::unknown(&format!("column of `{section}`"), &name, &known));
        }
    }
    match grid.header.first() {
        Some(first) if first == "name" => {}
        first => errors.over(first, format!("the first column of `{section}` is `name`")),
    }
}

/// The name and the other cells of a row; none where it cannot be matched with the header.
fn read(
    section: &str,
    index: usize,
    row: &Row,
    header: &[Ident],
    errors: &mut Diagnostics,
) -> Option<(Cell, Vec<Field>)> {
    if !arity(&format!("row {} of `{section}`", index + 1), row, header, errors) {
        return None;
    }
    let mut cells = header.iter().zip(&row.cells);
    let (_, name) = cells.next()?;
    if !matches!(name.kind, Kind::Text(_)) {
        errors.at(name.span, "the name of a variant goes in quotes: \"efficientnet-b0\"");
        return None;
    }
    let mut fields = Vec::new();
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_absent()) {
        option(column, cell, errors);
        fields.push(Field { name: column.clone(), value: cell.clone() });
    }
    Some((name.clone(), fields))
}

/// Checks what can be seen of an option's value; the rest is the plan's to refuse.
fn option(column: &Ident, cell: &Cell, errors: &mut Diagnostics) {
    let column = column.to_string();
    match (column.as_str(), &cell.kind) {
        ("input", Kind::Int(1..=MAX_INT)) | ("input", Kind::Word(_) | Kind::Expression) => {}
        ("input", _) => errors.at(cell.span, "`input` is the side of the image, a whole number from 1 to 65535"),
        ("width" | "depth" | "dropout" | "drop_path", Kind::Text(_)) => {
            errors.at(cell.span, format!("`{column}` is a number"));
        }
        _ => {}
    }
}

fn variant(name: &Cell, variants: &[Variant], errors: &mut Diagnostics) -> Option<usize> {
    let text = |cell: &Cell| cell.tokens.to_string().trim_matches('"').to_string();
    let found = variants.iter().position(|variant| text(&variant.name) == text(name));
    if found.is_none() {
        let known: Vec<String> = variants.iter().map(|variant| text(&variant.name)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        errors.at(name.span, words::unknown("variant", &text(name), &known));
    }
    found
}

fn profile(cell: &Cell, profiles: &[Profile], errors: &mut Diagnostics) -> Option<(Ident, usize)> {
    let Kind::Word(word) = &cell.kind else {
        errors.at(cell.span, "a profile is a name without quotes");
        return None;
    };
    let names: Vec<String> = profiles.iter().map(|profile| profile.name.to_string()).collect();
    let mut known = vec!["native"];
    known.extend(names.iter().map(String::as_str));
    let found = known.iter().position(|name| word == name);
    if found.is_none() {
        errors.at(word.span(), words::unknown("profile", &word.to_string(), &known));
    }
    found.map(|index| (word.clone(), index))
}
