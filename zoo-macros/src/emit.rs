//! From a checked network to Rust. Only absolute `::zoo_core` paths, and names with two underscores beside the user's.

mod build;
mod claims;
mod constants;
mod rules;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::ast::{Cell, Field, Head, Kind};
use crate::doc;
use crate::network::Network;

// The whole of a table expands to:
//
//     /// Documentation, then the table in Markdown.
//     pub static EFFICIENTNET: ::zoo_core::Architecture = {
//         use ::zoo_core::prelude::*;
//         {
//             use self::*;
//             const __RULES: ::zoo_core::Rules = ...;                           (rules.rs)
//             ... groups, rows and layers, and what their blocks say of them ...   (constants.rs)
//             const fn __build(b: &mut ::zoo_core::PlanBuilder<'_>) { ... }     (build.rs)
//             const __DEFAULTS: ::zoo_core::Options = ...;                      (claims.rs)
//             const __VARIANTS: &[::zoo_core::Variant] = &[...];
//             const __CLAIMS: &[::zoo_core::Claim] = &[...];
//             ... the checks of the claims ...
//             ::zoo_core::Architecture { family: "efficientnet", ... }
//         }
//     };
//
// The two blocks are two scopes: a name is looked for in the module that holds the table, then in the prelude, then
// (where the table stands in a function) around it.
pub fn network(network: &Network) -> TokenStream {
    let Head { attributes, visibility, name } = &network.head;
    let documentation = doc::markdown(network);
    let family = name.to_string().to_lowercase().replace('_', "-");
    let (width, depth) = (network.axes.width, network.axes.depth);
    let profiles = network.profiles.iter().map(|profile| profile.name.to_string());
    let names = &network.names;
    let about = rules::about(&network.report, &family);
    let rules = rules::rules(network);
    let constants = constants::constants(network);
    let build = build::build(network);
    let variants = claims::variants(network);
    let claims = claims::claims(network);
    quote! {
        #(#attributes)*
        #[doc = #documentation]
        #[allow(
            unused_imports, unused_parens, unused_assignments, unused_mut, unused_variables, trivial_numeric_casts,
            long_running_const_eval, clippy::needless_update, clippy::unnecessary_cast, clippy::as_underscore, clippy::as_conversions
        )]
        #visibility static #name: ::zoo_core::Architecture = {
            use ::zoo_core::prelude::*;
            {
                use self::*;
                #rules
                #constants
                #build
                #variants
                #claims
                ::zoo_core::Architecture {
                    family: #family,
                    axes: ::zoo_core::Axes { width: #width, depth: #depth },
                    profiles: &["native" #(, #profiles)*],
                    variants: __VARIANTS,
                    claims: __CLAIMS,
                    names: &[#(#names),*],
                    about: #about,
                    rules: __RULES,
                    build: __build,
                }
            }
        };
    }
}

/// An empty network of that name, to stand where the table has mistakes.
pub fn stand_in(head: &Head) -> TokenStream {
    let Head { attributes, visibility, name } = head;
    quote! {
        #(#attributes)*
        #visibility static #name: ::zoo_core::Architecture = {
            const fn build(_: &mut ::zoo_core::PlanBuilder<'_>) {}
            ::zoo_core::Architecture {
                family: "",
                axes: ::zoo_core::Axes { width: false, depth: false },
                profiles: &["native"],
                variants: &[],
                claims: &[],
                names: &[],
                about: ::zoo_core::About { title: "", short: "", colour: ::core::option::Option::None, compound: false, single: false },
                rules: ::zoo_core::Rules {
                    width_rounding: ::zoo_core::WidthRounding::Divisible(8),
                    depth_rounding: ::zoo_core::DepthRounding::Up,
                    input_channels: 3,
                    norm: ::zoo_core::Norm::BatchNorm(::zoo_core::BatchNorm { eps: 1e-5, momentum: 0.1 }),
                    activation: ::zoo_core::Activation::Relu,
                    init: ::zoo_core::Init::DEFAULT,
                },
                build,
            }
        };
    }
}

/// A cell as an expression. An integer fits itself to the field, be that a float; anything else must fit as it stands.
fn value(cell: &Cell) -> TokenStream {
    let tokens = &cell.tokens;
    match cell.kind {
        Kind::Int(_) => quote_spanned!(cell.span=> #tokens as _),
        _ => tokens.clone(),
    }
}

/// `k: 3 as _`, names and values where they were written.
fn fields(fields: &[Field]) -> TokenStream {
    let names = fields.iter().map(|field| &field.name);
    let values = fields.iter().map(|field| value(&field.value));
    quote!(#(#names: #values,)*)
}

/// A local variable that no cell can name.
fn local(name: &str) -> proc_macro2::Ident {
    proc_macro2::Ident::new(name, Span::mixed_site())
}
