//! The function that emits the network into a builder, while compiling and at run time alike.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::constants::{Names, row_name, span, varied};
use super::{local, value};
use crate::ast::{Cell, Field, Kind, Struct};
use crate::network::{Layer, Network, Row, Target, TopItem};

// const fn __build(b: &mut __zoo::PlanBuilder<'_>) {
//     let n0 = b.repeats(1, false);
//     let n1 = b.repeats(2, false);
//     b.expect_blocks(0u32.saturating_add(n0).saturating_add(n1));
//     ... stem, rows, head, top ...
// }
pub fn build(network: &Network) -> TokenStream {
    let b = local("b");
    let block = local("block");
    let rows = || network.groups.iter().enumerate().flat_map(|(g, group)| group.rows.iter().map(move |row| (g, row)));
    let counts: Vec<Ident> = (0..rows().count()).map(|index| local(&format!("n{index}"))).collect();
    let repeats = rows().zip(&counts).map(|((_, row), count)| {
        let repeats = repeats(network, row, &b);
        quote!(let #count = #repeats;)
    });
    let stem = layers(network, &network.stem, "Stem", &b);
    let stages = rows().zip(&counts).enumerate();
    let stages = stages.map(|(index, ((g, row), count))| stage_row(network, index, g, row, count, &b, &block));
    let head = layers(network, &network.last, "Head", &b);
    let top = network.top.iter().enumerate().map(|(index, item)| top_item(network, item, index, &b));
    quote! {
        const fn __build(#b: &mut __zoo::PlanBuilder<'_>) {
            #(#repeats)*
            #b.expect_blocks(0u32 #(.saturating_add(#counts))*);
            #stem
            let mut #block = 0u32;
            #(#stages)*
            #head
            #b.enter(__zoo::Place::Top);
            #(#top)*
        }
    }
}

/// Has the block emit itself. The whole call has the span of the type, for what the compiler may say of its `plan`.
fn plan(block: &Struct, alias: &Ident, value: TokenStream, b: &Ident) -> TokenStream {
    quote_spanned!(span(block)=> #alias::plan(&#value, #b);)
}

/// How often a row stands in the network. With a column `n` each row scales by itself; without one, the rows of a stage
/// scale together.
fn repeats(network: &Network, row: &Row, b: &Ident) -> TokenStream {
    let fix_depth = row.fix_depth;
    if let Some(n) = &row.n {
        let n = whole(network, n, b);
        return quote!(#b.repeats(#n, #fix_depth));
    }
    let rows = network.groups.iter().flat_map(|group| &group.rows);
    let stage: Vec<&Row> = rows.filter(|other| other.stage == row.stage && other.n.is_none()).collect();
    let fix_depth = stage.iter().any(|other| other.fix_depth);
    let index = stage.iter().position(|other| std::ptr::eq(*other, row)).unwrap_or_default() as u32;
    let rows = stage.len() as u32;
    quote!(#b.repeats_of_row(#index, #rows, #fix_depth))
}

/// A cell as a `u32`: a constant of the user's may be of another integer type.
fn whole(network: &Network, cell: &Cell, b: &Ident) -> TokenStream {
    let tokens = &cell.tokens;
    if let Some(value) = varied(network, cell, &|index| quote!(#b.varied(#index))) {
        return quote_spanned!(cell.span=> #value as u32);
    }
    match cell.kind {
        Kind::Int(_) => tokens.clone(),
        _ => quote_spanned!(cell.span=> #tokens as u32),
    }
}

// row.c = b.varied(0usize) as _;
//
// for every field whose cell names a column of `variants`, alone or in an expression.
fn set_varied(network: &Network, fields: &[Field], target: &Ident, b: &Ident) -> TokenStream {
    let column = |index: usize| quote!(#b.varied(#index));
    let varied = fields.iter().filter_map(|field| Some((&field.name, varied(network, &field.value, &column)?)));
    varied.map(|(name, value)| quote!(#target.#name = #value as _;)).collect()
}

fn layers(network: &Network, layers: &[Layer], place: &str, b: &Ident) -> TokenStream {
    let layers = layers.iter().enumerate().map(|(index, one)| {
        let target = (place == "Stem").then_some(Target::Stem(index));
        layer(network, one, place, index, target, b)
    });
    layers.collect()
}

// {
//     b.enter_layer(__zoo::Place::Stem, 0usize);
//     let mut layer = __STEM0;
//     layer.s = match b.profile() { 1u32 => 1 as _, _ => layer.s };
//     __Stem0::plan(&layer, b);
//     b.leave(32);
// }
fn layer(
    network: &Network,
    layer: &Layer,
    place: &str,
    index: usize,
    target: Option<Target>,
    b: &Ident,
) -> TokenStream {
    let Names { alias, constant } = Names::layer(&format!("{place}{index}"), &layer.block);
    let (place, value) = (Ident::new(place, proc_macro2::Span::call_site()), local("layer"));
    let varied = set_varied(network, &layer.block.fields, &value, b);
    let stride = target.and_then(|target| set_stride(network, target, &value, b));
    let plan = plan(&layer.block, &alias, quote!(#value), b);
    let leave = layer.channels.as_ref().map(|channels| {
        let channels = whole(network, channels, b);
        quote!(#b.leave(#channels);)
    });
    quote! {{
        #b.enter_layer(__zoo::Place::#place, #index);
        let mut #value = #constant;
        #varied
        #stride
        #plan
        #leave
    }}
}

// block = 0;                                   (where a stage begins)
// let mut row = __ROW_1;
// row.s = match b.profile() { 1u32 => 1 as _, _ => row.s };
// let mut i = 0u32;
// while i < n1 {
//     b.enter(__zoo::Place::Stage { stage: 1u32, block });
//     __Block1::plan(&row, b);
//     b.leave(24);
//     row.s = 1 as _;                          (only the first block of a row has its stride)
//     block += 1;
//     i += 1;
// }
fn stage_row(
    network: &Network,
    index: usize,
    group: usize,
    row: &Row,
    count: &Ident,
    b: &Ident,
    block: &Ident,
) -> TokenStream {
    let group_block = &network.groups[group].block;
    let (alias, constant) = (Names::group(group, group_block).alias, row_name(index));
    let stage = row.stage as u32;
    let value = local("row");
    let all: Vec<Field> = group_block.fields.iter().chain(&row.fields).cloned().collect();
    let varied = set_varied(network, &all, &value, b);
    let stride = if row.begins_stage { set_stride(network, Target::Stage(row.stage), &value, b) } else { None };
    let profiled = row.begins_stage.then(|| profile_stride(network, Target::Stage(row.stage))).flatten();
    let stride_field = all.iter().map(|field| &field.name).find(|name| *name == "s");
    let stride_field = stride_field.or(profiled.as_ref().map(|stride| &stride.field));
    let reset = stride_field.map(|s| quote!(#value.#s = 1 as _;));
    let begin = row.begins_stage.then(|| quote!(#block = 0;));
    let (i, channels) = (local("i"), whole(network, &row.c, b));
    let plan = plan(group_block, &alias, quote!(#value), b);
    quote! {
        #begin
        let mut #value = #constant;
        #varied
        #stride
        let mut #i = 0u32;
        while #i < #count {
            #b.enter(__zoo::Place::Stage { stage: #stage, block: #block });
            #plan
            #b.leave(#channels);
            #reset
            #block += 1;
            #i += 1;
        }
    }
}

fn top_item(network: &Network, item: &TopItem, index: usize, b: &Ident) -> TokenStream {
    match item {
        TopItem::Pool => quote!(#b.pool();),
        TopItem::Norm => quote!(#b.norm();),
        TopItem::Act => quote!(#b.act(__zoo::Activation::Table);),
        TopItem::Dropout => quote!(#b.dropout();),
        TopItem::Linear => quote!(#b.linear();),
        TopItem::Layer(item) => {
            let Names { alias, constant } = Names::layer(&format!("Top{index}"), &item.block);
            let value = local("layer");
            let varied = set_varied(network, &item.block.fields, &value, b);
            let plan = plan(&item.block, &alias, quote!(#value), b);
            quote!({ let mut #value = #constant; #varied #plan })
        }
    }
}

/// A stride that depends on the profile: the arms of a `match` without the last, and the field as the profile wrote it.
struct ProfileStride {
    field: Ident,
    arms: TokenStream,
}

/// What the profiles make of the stride of a stage or a layer of the stem; none where they leave it alone.
fn profile_stride(network: &Network, target: Target) -> Option<ProfileStride> {
    let mut field = None;
    let mut arms = TokenStream::new();
    for (index, profile) in network.profiles.iter().enumerate() {
        if let Some(stride) = profile.strides.iter().find(|stride| stride.target == target) {
            let (number, value) = (index as u32 + 1, value(&stride.value));
            arms.extend(quote!(#number => #value,));
            field = Some(stride.field.clone());
        }
    }
    field.map(|field| ProfileStride { field, arms })
}

// row.s = match b.profile() { 1u32 => 1 as _, _ => row.s };
fn set_stride(network: &Network, target: Target, value: &Ident, b: &Ident) -> Option<TokenStream> {
    let ProfileStride { field, arms } = profile_stride(network, target)?;
    Some(quote!(#value.#field = match #b.profile() { #arms _ => #value.#field };))
}
