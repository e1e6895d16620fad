//! The function that emits the network into a builder, while compiling and at run time alike.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::{fields, local, rules, value};
use crate::ast::{Cell, Field, Kind, Struct};
use crate::network::{Group, Layer, Network, Row, TopItem};

// const fn __build(b: &mut ::zoo_core::PlanBuilder<'_>) {
//     type __Block0 = MBConv;
//     const __GROUP_0: __Block0 = __Block0 { se: 0.25, ..__Block0::DEFAULT };
//     let n0 = b.repeats(1, false);
//     let n1 = b.repeats(2, false);
//     b.expect_blocks(0u32.saturating_add(n0).saturating_add(n1));
//     ... stem, rows, head, top ...
// }
pub fn build(network: &Network) -> TokenStream {
    let b = local("b");
    let block = local("block");
    let groups = network.groups.iter().enumerate().map(|(index, group)| defaults(index, group));
    let rows = || network.groups.iter().enumerate().flat_map(|(g, group)| group.rows.iter().map(move |row| (g, row)));
    let counts: Vec<Ident> = (0..rows().count()).map(|index| local(&format!("n{index}"))).collect();
    let repeats = rows().zip(&counts).map(|((_, row), count)| {
        let repeats = repeats(network, row, &b);
        quote!(let #count = #repeats;)
    });
    let stem = layer(&network.stem, "Stem", &profile_stride(network, None), &b);
    let stages = rows().zip(&counts).map(|((g, row), count)| stage_row(network, g, row, count, &b, &block));
    let head = network.last.as_ref().map(|head| layer(head, "Head", &None, &b));
    let top = network.top.iter().map(|item| top_item(item, &b));
    quote! {
        const fn __build(#b: &mut ::zoo_core::PlanBuilder<'_>) {
            #(#groups)*
            #(#repeats)*
            #b.expect_blocks(0u32 #(.saturating_add(#counts))*);
            #stem
            let mut #block = 0u32;
            #(#stages)*
            #head
            #b.enter(::zoo_core::Place::Top);
            #(#top)*
        }
    }
}

// type __Block0 = MBConv;
// const __GROUP_0: __Block0 = __Block0 { se: 0.25, se_of: Input, ..__Block0::DEFAULT };
//
// The type goes by an alias so that one which is not in scope is reported once, where it stands.
fn defaults(index: usize, group: &Group) -> TokenStream {
    let (path, fields) = (&group.block.path, fields(&group.block.fields));
    let (block, defaults) = (alias(&group.block, &index.to_string()), group_name(index));
    quote! {
        type #block = #path;
        const #defaults: #block = #block { #fields ..#block::DEFAULT };
    }
}

fn alias(block: &Struct, suffix: &str) -> Ident {
    Ident::new(&format!("__Block{suffix}"), span(block))
}

fn span(block: &Struct) -> Span {
    block.path.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}

/// Has the block emit itself. The whole call has the span of the type, for what the compiler may say of its `plan`.
fn plan(block: &Struct, alias: &Ident, value: TokenStream, b: &Ident) -> TokenStream {
    quote_spanned!(span(block)=> #alias::plan(&#value, #b);)
}

fn group_name(index: usize) -> Ident {
    format_ident!("__GROUP_{index}")
}

/// How often a row stands in the network. With a column `n` each row scales by itself; without one, the rows of a stage
/// scale together.
fn repeats(network: &Network, row: &Row, b: &Ident) -> TokenStream {
    let fix_depth = row.fix_depth;
    if let Some(n) = &row.n {
        let n = whole(n);
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
fn whole(cell: &Cell) -> TokenStream {
    let tokens = &cell.tokens;
    match cell.kind {
        Kind::Int(_) => tokens.clone(),
        _ => quote_spanned!(cell.span=> #tokens as u32),
    }
}

// {
//     type __Block = Conv;
//     b.enter(::zoo_core::Place::Stem);
//     let layer = __Block { k: 3 as _, c: 32 as _, s: 2 as _, scaling: ::zoo_core::Scaling::Fixed, ..__Block::DEFAULT };
//     __Block::plan(&layer, b);
//     b.leave(32);
// }
fn layer(layer: &Layer, place: &str, stride: &Option<ProfileStride>, b: &Ident) -> TokenStream {
    let (place, value) = (Ident::new(place, Span::call_site()), local("layer"));
    let (path, block) = (&layer.block.path, alias(&layer.block, ""));
    let fields = with_stride(&layer.block.fields, stride, &quote!(#block::DEFAULT), b);
    let scaling = layer.scaling.as_ref().map(|word| {
        let word = rules::scaling(word);
        quote!(scaling: #word,)
    });
    let (plan, channels) = (plan(&layer.block, &block, quote!(#value), b), whole(&layer.channels));
    quote! {{
        type #block = #path;
        #b.enter(::zoo_core::Place::#place);
        let #value = #block { #fields #scaling ..#block::DEFAULT };
        #plan
        #b.leave(#channels);
    }}
}

// block = 0;                                   (where a stage begins)
// let mut row = __Block1 { t: 6 as _, k: 3 as _, c: 24 as _, s: 2 as _, ..__GROUP_1 };
// let mut i = 0u32;
// while i < n1 {
//     b.enter(::zoo_core::Place::Stage { stage: 1u32, block });
//     __Block1::plan(&row, b);
//     b.leave(24);
//     row.s = 1 as _;                          (only the first block of a row has its stride)
//     block += 1;
//     i += 1;
// }
fn stage_row(network: &Network, index: usize, row: &Row, count: &Ident, b: &Ident, block: &Ident) -> TokenStream {
    let group = &network.groups[index];
    let (block_type, defaults) = (alias(&group.block, &index.to_string()), group_name(index));
    let stage = row.stage as u32;
    let stride = if row.begins_stage { profile_stride(network, Some(row.stage)) } else { None };
    let fields = with_stride(&row.fields, &stride, &quote!(#defaults), b);
    let stride_field = row.fields.iter().chain(&group.block.fields).map(|field| &field.name).find(|name| *name == "s");
    let stride_field = stride_field.or(stride.as_ref().map(|stride| &stride.field));
    let value = local("row");
    let reset = stride_field.map(|s| quote!(#value.#s = 1 as _;));
    let begin = row.begins_stage.then(|| quote!(#block = 0;));
    let (i, channels) = (local("i"), whole(&row.c));
    let plan = plan(&group.block, &block_type, quote!(#value), b);
    quote! {
        #begin
        let mut #value = #block_type { #fields ..#defaults };
        let mut #i = 0u32;
        while #i < #count {
            #b.enter(::zoo_core::Place::Stage { stage: #stage, block: #block });
            #plan
            #b.leave(#channels);
            #reset
            #block += 1;
            #i += 1;
        }
    }
}

fn top_item(item: &TopItem, b: &Ident) -> TokenStream {
    match item {
        TopItem::Pool => quote!(#b.pool();),
        TopItem::Dropout => quote!(#b.dropout();),
        TopItem::Linear => quote!(#b.linear();),
        TopItem::Layer(item) => layer(item, "Top", &None, b),
    }
}

/// A stride that depends on the profile: the arms of a `match` without the last, and the field as the profile wrote it.
struct ProfileStride {
    field: Ident,
    arms: TokenStream,
}

/// What the profiles make of the stride of a stage or, without one, of the stem; none where they leave it alone.
fn profile_stride(network: &Network, stage: Option<usize>) -> Option<ProfileStride> {
    let mut field = None;
    let mut arms = TokenStream::new();
    for (index, profile) in network.profiles.iter().enumerate() {
        if let Some(stride) = profile.strides.iter().find(|stride| stride.stage == stage) {
            let (number, value) = (index as u32 + 1, value(&stride.value));
            arms.extend(quote!(#number => #value,));
            field = Some(stride.field.clone());
        }
    }
    field.map(|field| ProfileStride { field, arms })
}

// s: match b.profile() { 1u32 => 1 as _, _ => 2 as _ },
//
// Where the row leaves its stride out, the last arm is that of the defaults: `__GROUP_0.s`.
fn with_stride(list: &[Field], stride: &Option<ProfileStride>, defaults: &TokenStream, b: &Ident) -> TokenStream {
    let Some(ProfileStride { field, arms }) = stride else { return fields(list) };
    let (own, others): (Vec<Field>, Vec<Field>) = list.iter().cloned().partition(|other| other.name == *field);
    let others = fields(&others);
    let (name, native) = match own.first() {
        Some(own) => (&own.name, value(&own.value)),
        None => (field, quote!(#defaults.#field)),
    };
    quote!(#others #name: match #b.profile() { #arms _ => #native },)
}
