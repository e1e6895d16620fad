//! Groups, rows and layers as constants, and the checks that their blocks make of the cells.

use proc_macro2::{Group as Tokens, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};

use super::{fields, rules};
use crate::ast::{Cell, Field, Kind, Struct};
use crate::network::{Group, Layer, Network, Row, Target};

/// All of them. Rows are counted through all groups.
pub fn constants(network: &Network) -> TokenStream {
    let groups = network.groups.iter().enumerate().map(|(index, one)| group(network, index, one));
    let rows = network.groups.iter().enumerate().flat_map(|(g, group)| group.rows.iter().map(move |row| (g, row)));
    let rows = rows.enumerate().map(|(index, (g, one))| row(network, index, g, one));
    let layers = network.layers().map(|(name, one, target)| layer(network, &name, one, target));
    quote!(#(#groups)* #(#rows)* #(#layers)*)
}

/// Names of the type and of the constant that stand for a group, a row or a layer.
pub struct Names {
    pub alias: Ident,
    pub constant: Ident,
}

impl Names {
    /// Those of a group.
    pub fn group(index: usize, block: &Struct) -> Names {
        Names { alias: alias(block, &format!("Block{index}")), constant: format_ident!("__GROUP_{index}") }
    }

    /// Those of a layer, from its place and number.
    pub fn layer(name: &str, block: &Struct) -> Names {
        Names { alias: alias(block, name), constant: format_ident!("__{}", name.to_uppercase()) }
    }
}

/// The constant of a row.
pub fn row_name(index: usize) -> Ident {
    format_ident!("__ROW_{index}")
}

fn alias(block: &Struct, name: &str) -> Ident {
    Ident::new(&format!("__{name}"), span(block))
}

/// `__Block0::DEFAULT` with the span of the type, for a block that has none.
fn default(block: &Struct, alias: &Ident) -> TokenStream {
    quote_spanned!(span(block)=> #alias::DEFAULT)
}

/// Where the type of a block stands.
pub fn span(block: &Struct) -> Span {
    block.path.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}

/// A cell that names columns of `variants`, by itself or in an expression, with what `column` has in their place.
pub fn varied(network: &Network, cell: &Cell, column: &dyn Fn(usize) -> TokenStream) -> Option<TokenStream> {
    match cell.kind {
        Kind::Word(_) | Kind::Expression => replaced(network, cell.tokens.clone(), column),
        _ => None,
    }
}

fn replaced(network: &Network, tokens: TokenStream, column: &dyn Fn(usize) -> TokenStream) -> Option<TokenStream> {
    let mut any = false;
    let tokens = tokens.into_iter().map(|token| {
        let new = match &token {
            TokenTree::Ident(word) => network.vary.iter().position(|name| name == word).map(column),
            TokenTree::Group(group) => replaced(network, group.stream(), column).map(|inside| {
                let mut new = Tokens::new(group.delimiter(), inside);
                new.set_span(group.span());
                TokenTree::Group(new).into()
            }),
            _ => None,
        };
        any |= new.is_some();
        new.unwrap_or_else(|| token.into())
    });
    let tokens = tokens.collect();
    any.then_some(tokens)
}

/// The fields, with what variant `index` has in cells that name columns of `variants`.
fn constant(network: &Network, list: &[Field], index: usize) -> Vec<Field> {
    list.iter().filter_map(|field| own(network, field, index).unwrap_or_else(|| Some(field.clone()))).collect()
}

/// The field as variant `index` has it, if its cell names columns.
fn own(network: &Network, field: &Field, index: usize) -> Option<Option<Field>> {
    let variant = network.variants.get(index).map(|variant| &variant.varied);
    let own = |column: usize| variant.and_then(|varied| varied.get(column)).and_then(Option::as_ref);
    let complete = std::cell::Cell::new(true);
    let tokens = varied(network, &field.value, &|column| {
        complete.set(complete.get() && own(column).is_some());
        own(column).map(|field| field.value.tokens.clone()).unwrap_or_default()
    })?;
    let value = match &field.value.kind {
        // What the block says of it stands at the variant's cell.
        Kind::Word(word) => {
            network.vary.iter().position(|name| name == word).and_then(own).map(|own| own.value.clone())
        }
        _ => complete.get().then(|| Cell { tokens: quote!(#tokens as _), ..field.value.clone() }),
    };
    Some(value.map(|value| Field { name: field.name.clone(), value }))
}

// const _: () = { ... __Block0 { c: 232 as _, ..__ROW_1 } ... };
//
// for each variant but the first, which the constant itself is of.
fn other_variants(
    network: &Network,
    block: &Struct,
    alias: &Ident,
    constant: &TokenStream,
    list: &[Field],
) -> TokenStream {
    let checked = (1..network.variants.len()).map(|index| {
        let list: Vec<Field> = list.iter().filter_map(|field| own(network, field, index).flatten()).collect();
        if list.is_empty() {
            return TokenStream::new();
        }
        let fields = fields(&list);
        checks(block, alias, &quote!(#alias { #fields ..#constant }), &list, None)
    });
    checked.collect()
}

// type __Block0 = MBConv;
// const __GROUP_0: __Block0 = __Block0 { se: 0.25, se_of: Input, ..__Block0::DEFAULT };
//
// The type goes by an alias so that one which is not in scope is reported once, where it stands.
fn group(network: &Network, index: usize, group: &Group) -> TokenStream {
    let (path, list) = (&group.block.path, constant(network, &group.block.fields, 0));
    let Names { alias, constant } = Names::group(index, &group.block);
    let others = other_variants(network, &group.block, &alias, &quote!(#constant), &group.block.fields);
    let (checks, fields) = (checks(&group.block, &alias, &quote!(#constant), &list, None), fields(&list));
    let default = default(&group.block, &alias);
    quote! {
        type #alias = #path;
        const #constant: #alias = #alias { #fields ..#default };
        #checks
        #others
    }
}

// const __ROW_1: __Block0 = __Block0 { t: 6 as _, k: 3 as _, c: 24 as _, s: 2 as _, ..__GROUP_0 };
//
// and its checks, also with the strides of profiles.
fn row(network: &Network, index: usize, group: usize, row: &Row) -> TokenStream {
    let block = &network.groups[group].block;
    let Names { alias, constant: defaults } = Names::group(group, block);
    let (name, list) = (row_name(index), constant(network, &row.fields, 0));
    let whole = row.cells.first().map(|cell| cell.span);
    let checks = checks(block, &alias, &quote!(#name), &list, whole);
    let others = other_variants(network, block, &alias, &quote!(#name), &row.fields);
    let strides = row.begins_stage.then(|| strides(network, block, &alias, &name, Target::Stage(row.stage)));
    let fields = fields(&list);
    quote! {
        const #name: #alias = #alias { #fields ..#defaults };
        #checks
        #others
        #strides
    }
}

// type __Stem0 = Conv;
// const __STEM0: __Stem0 =
//     __Stem0 { k: 3 as _, c: 32 as _, s: 2 as _, scaling: __zoo::Scaling::Fixed, ..__Stem0::DEFAULT };
fn layer(network: &Network, name: &str, layer: &Layer, target: Option<Target>) -> TokenStream {
    let (path, list) = (&layer.block.path, constant(network, &layer.block.fields, 0));
    let Names { alias, constant } = Names::layer(name, &layer.block);
    let scaling = layer.scaling.as_ref().map(|word| {
        let word = rules::scaling(word);
        quote!(scaling: #word,)
    });
    let checks = checks(&layer.block, &alias, &quote!(#constant), &list, Some(span(&layer.block)));
    let others = other_variants(network, &layer.block, &alias, &quote!(#constant), &layer.block.fields);
    let strides = target.map(|target| strides(network, &layer.block, &alias, &constant, target));
    let (default, fields) = (default(&layer.block, &alias), fields(&list));
    quote! {
        type #alias = #path;
        const #constant: #alias = #alias { #fields #scaling ..#default };
        #checks
        #others
        #strides
    }
}

fn strides(network: &Network, block: &Struct, alias: &Ident, native: &Ident, target: Target) -> TokenStream {
    let strides = network.profiles.iter().flat_map(|profile| &profile.strides);
    let checked = strides.filter(|stride| stride.target == target).map(|stride| {
        let field = Field { name: stride.field.clone(), value: stride.value.clone() };
        let fields = fields(std::slice::from_ref(&field));
        checks(block, alias, &quote!(#alias { #fields ..#native }), &[field], None)
    });
    checked.collect()
}

// const _: () = {
//     let problem = __Block0::check(&__ROW_1);
//     if let Some(message) = __zoo::block::problem_of(&problem, "k") { ::core::panic!("{}", message) }
// };
//
// at each cell, and where `whole` is given for problems of fields that have none.
fn checks(block: &Struct, alias: &Ident, value: &TokenStream, list: &[Field], whole: Option<Span>) -> TokenStream {
    let check = quote_spanned!(span(block)=> #alias::check(&#value));
    let names: Vec<String> = list.iter().map(|field| field.name.to_string()).collect();
    let cells = list.iter().zip(&names).map(|(field, name)| {
        quote_spanned! {field.value.span=>
            const _: () = if let ::core::option::Option::Some(message) = __zoo::block::problem_of(&#check, #name) {
                ::core::panic!("{}", message)
            };
        }
    });
    let rest = whole.map(|span| {
        quote_spanned! {span=>
            const _: () =
                if let ::core::option::Option::Some(message) = __zoo::block::problem_beside(&#check, &[#(#names),*]) {
                    ::core::panic!("{}", message)
                };
        }
    });
    quote!(#(#cells)* #rest)
}
