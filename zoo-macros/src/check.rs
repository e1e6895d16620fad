//! From syntax to a checked network. Goes on after a mistake, so that one compilation reports them all.

mod fields;
mod rules;
mod stages;
mod variants;

use proc_macro2::Ident;

use crate::ast::{
    Body, Grid, Layer as LayerSyntax, Section, Stride as StrideSyntax, Struct, Table, TopItem as TopSyntax, Word,
};
use crate::ast::{Cell, Image};
use crate::diagnostics::Diagnostics;
use crate::network::{Axes, DepthRounding, Network, Padding, WidthRounding};
use crate::words::{REPEATABLE, REQUIRED};

/// The sections by name, each once.
#[derive(Default)]
struct Sections {
    scale: Option<Vec<Ident>>,
    vary: Option<Vec<Ident>>,
    names: Option<Vec<proc_macro2::TokenStream>>,
    report: Option<Vec<(Ident, Option<Cell>)>>,
    round: Option<Vec<(Ident, Word)>>,
    input: Option<Image>,
    norm: Option<Struct>,
    act: Option<Cell>,
    init: Option<Vec<(Option<Ident>, Word)>>,
    padding: Option<Word>,
    stem: Option<Vec<LayerSyntax>>,
    stages: Vec<(Struct, Grid)>,
    head: Option<Vec<LayerSyntax>>,
    top: Option<Vec<TopSyntax>>,
    drop_path: Option<Cell>,
    dropout: Option<Cell>,
    profiles: Vec<(Ident, Vec<StrideSyntax>)>,
    variants: Option<Grid>,
    claims: Option<Grid>,
}

/// Checks a table; none where too little is left to check. What is wrong is in `errors`.
pub fn check(table: Table, errors: &mut Diagnostics) -> Option<Network> {
    let head = table.head?;
    report_duplicates(&table.sections, errors);
    for (section, example) in REQUIRED {
        // One that could not be read is not missing.
        if !table.attempted.iter().any(|attempted| attempted == section) {
            errors.at(head.name.span(), format!("`{}` has no `{section}` section: add `{example}`", head.name));
        }
    }
    let sections = sort(table.sections);

    let axes = match &sections.scale {
        Some(words) => rules::axes(words, errors),
        None => Axes::default(),
    };
    let vary = sections.vary.map(|names| rules::vary(names, errors)).unwrap_or_default();
    let report = sections.report.map(|words| rules::report(words, errors)).unwrap_or_default();
    let (width_rounding, depth_rounding) = match &sections.round {
        Some(words) => rules::rounding(words, errors),
        None => (WidthRounding::Divisible(8), DepthRounding::Up),
    };
    let init = sections.init.map(|words| rules::init(&words, errors)).unwrap_or_default();
    let padding = sections.padding.map_or(Padding::Symmetric, |word| rules::padding(&word, errors));
    if let Some(image) = &sections.input {
        rules::image(image, errors);
    }
    let norm = sections.norm.inspect(|norm| rules::norm(norm, errors));

    let stem = sections.stem.map(|layers| fields::layers(layers, errors));
    let (groups, complete) = stages::groups(sections.stages, errors);
    let count = complete.then(|| stages::count(&groups));
    let last = sections.head.map(|layers| fields::layers(layers, errors));
    let top = sections.top.map(|items| fields::top(items, errors));
    let profiles = stages::profiles(sections.profiles, stem.as_ref().map(Vec::len), count, errors);
    let variants = sections.variants.map(|grid| variants::variants(grid, axes, &vary, errors));
    let claims = match (sections.claims, &variants) {
        (Some(grid), Some(variants)) => variants::claims(grid, axes, &profiles, variants, errors),
        _ => Vec::new(),
    };

    Some(Network {
        head,
        axes,
        vary,
        names: sections.names.unwrap_or_default(),
        report,
        width_rounding,
        depth_rounding,
        input: sections.input?,
        norm: norm?,
        act: sections.act?,
        init,
        padding,
        dropout: sections.dropout,
        drop_path: sections.drop_path,
        stem: stem?,
        groups,
        last: last.unwrap_or_default(),
        top: top?,
        profiles,
        variants: variants?,
        claims,
    })
}

fn report_duplicates(sections: &[Section], errors: &mut Diagnostics) {
    for (index, section) in sections.iter().enumerate() {
        let repeated = sections[..index].iter().any(|earlier| earlier.word == section.word);
        if repeated && !REPEATABLE.contains(&section.word.to_string().as_str()) {
            let message = format!("duplicate section `{}`: a table has at most one", section.word);
            errors.at(section.word.span(), message);
        }
    }
}

fn sort(list: Vec<Section>) -> Sections {
    let mut sections = Sections::default();
    for Section { word, body } in list {
        match body {
            Body::Scale(axes) => sections.scale = Some(axes),
            Body::Vary(names) => sections.vary = Some(names),
            Body::Names(names) => sections.names = Some(names),
            Body::Report(words) => sections.report = Some(words),
            Body::Round(rules) => sections.round = Some(rules),
            Body::Input(image) => sections.input = Some(image),
            Body::Norm(norm) => sections.norm = Some(norm),
            Body::Act(act) => sections.act = Some(act),
            Body::Init(init) => sections.init = Some(init),
            Body::Padding(padding) => sections.padding = Some(padding),
            Body::Layers(layers) if word == "stem" => sections.stem = Some(layers),
            Body::Layers(layers) => sections.head = Some(layers),
            Body::Stages { block, grid } => sections.stages.push((block, grid)),
            Body::Top(items) => sections.top = Some(items),
            Body::Rate(rate) if word == "dropout" => sections.dropout = Some(rate),
            Body::Rate(rate) => sections.drop_path = Some(rate),
            Body::Profile { name, strides } => sections.profiles.push((name, strides)),
            Body::Grid(grid) if word == "variants" => sections.variants = Some(grid),
            Body::Grid(grid) => sections.claims = Some(grid),
        }
    }
    sections
}
