//! The table as Markdown, for the documentation of the item.

use crate::ast::{Cell, Image, Kind, Struct};
use crate::network::{Group, Layer, Network, Scaling, Target, TopItem, Variant};

/// Stem, stages, head, top, variants and claims.
pub fn markdown(network: &Network) -> String {
    let mut text = String::from("\n# Table\n\n");
    let Image { channels, height, width } = &network.input;
    let image = [Some(channels), Some(height), width.as_ref()].into_iter().flatten();
    let image: Vec<String> = image.map(|cell| cell.tokens.to_string()).collect();
    text += &format!(
        "Input {}; norm `{}`; activation `{}`.\n\n",
        image.join(" x "),
        structure(&network.norm),
        network.act.tokens
    );
    text += &format!("Stem: {}.\n\n", layers(&network.stem));
    for group in &network.groups {
        text += &stages(group);
    }
    if !network.last.is_empty() {
        text += &format!("Head: {}.\n\n", layers(&network.last));
    }
    let top: Vec<String> = network.top.iter().map(top_item).collect();
    text += &format!("Top: {}.\n\n", top.join(", "));
    text += &profiles(network);
    text + &variants(network) + &claims(network)
}

fn stages(group: &Group) -> String {
    let mut header = vec!["stage".to_string()];
    header.extend(group.header.iter().map(|column| column.to_string()));
    let rows = group.rows.iter().map(|row| {
        let mut cells = vec![row.stage.to_string()];
        cells.extend(row.cells.iter().map(text));
        if let (true, Some(last)) = (row.fix_depth, cells.last_mut()) {
            *last += " (fixed depth)";
        }
        cells
    });
    format!("Stages of `{}`:\n\n{}", structure(&group.block), table(&header, rows))
}

fn profiles(network: &Network) -> String {
    let mut text = String::new();
    for profile in &network.profiles {
        let strides = profile.strides.iter().map(|stride| match stride.target {
            Target::Stage(stage) => format!("stages[{stage}] {}", stride.value.tokens),
            Target::Stem(0) => format!("stem {}", stride.value.tokens),
            Target::Stem(layer) => format!("stem[{layer}] {}", stride.value.tokens),
        });
        let strides: Vec<String> = strides.collect();
        text += &format!("Profile `{}`: strides {}.\n\n", profile.name, strides.join(", "));
    }
    text
}

fn variants(network: &Network) -> String {
    let all = |variant: &Variant| {
        let fields: Vec<_> = variant.options.iter().chain(variant.varied.iter().flatten()).cloned().collect();
        fields
    };
    let names: Vec<_> = network.variants.iter().flat_map(all).map(|field| field.name).collect();
    let columns = columns(names.iter());
    let rows = network.variants.iter().map(|variant| {
        let options = all(variant);
        let mut cells = vec![text(&variant.name)];
        cells.extend(columns.iter().map(|column| {
            options.iter().find(|field| field.name == column).map_or(String::new(), |field| text(&field.value))
        }));
        cells
    });
    let mut header = vec!["variant".to_string()];
    header.extend(columns.iter().cloned());
    table(&header, rows)
}

fn claims(network: &Network) -> String {
    if network.claims.is_empty() {
        return String::new();
    }
    let rows = network.claims.iter().map(|claim| {
        let mut differs: Vec<String> = Vec::new();
        differs.extend(claim.profile.iter().map(|(name, _)| format!("profile {name}")));
        differs.extend(claim.options.iter().map(|field| format!("{} {}", field.name, text(&field.value))));
        let count = |count: &Option<Cell>| count.as_ref().map_or(String::new(), |cell| grouped(cell.int()));
        vec![text(&claim.name), differs.join(", "), count(&claim.params), count(&claim.macs)]
    });
    let header = ["checked variant", "with", "parameters", "multiply-accumulates"].map(String::from);
    table(&header, rows)
}

fn columns<'a>(names: impl Iterator<Item = &'a proc_macro2::Ident>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in names {
        if !columns.iter().any(|column| name == column) {
            columns.push(name.to_string());
        }
    }
    columns
}

fn table(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header) + &line(&vec!["---".to_string(); header.len()]);
    for row in rows {
        text += &line(&row);
    }
    text + "\n"
}

fn layers(layers: &[Layer]) -> String {
    let words: Vec<String> = layers.iter().map(|one| format!("`{}`", layer(one))).collect();
    words.join(", ")
}

fn layer(layer: &Layer) -> String {
    let word = match &layer.scaling {
        None => String::new(),
        Some(Scaling::Fixed) => " fixed".into(),
        Some(Scaling::FixedBelow(width)) => format!(" fixed_below({})", width.tokens),
        Some(Scaling::Floor) => " floor".into(),
    };
    structure(&layer.block) + &word
}

fn top_item(item: &TopItem) -> String {
    match item {
        TopItem::Pool => "pool".into(),
        TopItem::Norm => "norm".into(),
        TopItem::Act => "act".into(),
        TopItem::Dropout => "dropout".into(),
        TopItem::Linear => "linear".into(),
        TopItem::Layer(item) => format!("`{}`", layer(item)),
    }
}

fn structure(block: &Struct) -> String {
    let path = block.path.to_string().replace(' ', "");
    let fields: Vec<String> =
        block.fields.iter().map(|field| format!("{}: {}", field.name, field.value.tokens)).collect();
    if fields.is_empty() { path } else { format!("{path} {{ {} }}", fields.join(", ")) }
}

fn text(cell: &Cell) -> String {
    match &cell.kind {
        Kind::Text(text) => format!("`{}`", text.value()),
        Kind::Absent => "–".into(),
        _ => cell.tokens.to_string().replace('|', "\\|"),
    }
}

/// Digits in threes: `5,288,548`.
fn grouped(number: Option<u64>) -> String {
    let digits = number.unwrap_or_default().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
