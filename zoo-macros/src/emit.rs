//! From a checked network to Rust. All names that are added to the user's begin with two underscores, zoo-core's own
//! among them: a crate may depend on it under another name.

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
//     pub static EFFICIENTNET: $crate::Architecture = {
//         use $crate::__zoo;
//         use $crate::prelude::*;
//         {
//             use self::*;
//             const __RULES: __zoo::Rules = ...;                                 (rules.rs)
//             ... groups, rows and layers, and what their blocks say of them ...   (constants.rs)
//             const fn __build(b: &mut __zoo::PlanBuilder<'_>) { ... }           (build.rs)
//             const __DEFAULTS: __zoo::Options = ...;                            (claims.rs)
//             const __VARIANTS: &[__zoo::Variant] = &[...];
//             const __CLAIMS: &[__zoo::Claim] = &[...];
//             ... the checks of the claims ...
//             __zoo::Architecture { family: "efficientnet", ... }
//         }
//     };
//
// The two blocks are two scopes: a name is looked for in the module that holds the table, then in the prelude, then
// (where the table stands in a function) around it.
//
// `zoo` is the path to zoo-core, `$crate` above.
pub fn network(zoo: &TokenStream, network: &Network) -> TokenStream {
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
        #visibility static #name: #zoo::Architecture = {
            use #zoo::__zoo;
            use #zoo::prelude::*;
            {
                use self::*;
                #rules
                #constants
                #build
                #variants
                #claims
                __zoo::Architecture {
                    family: #family,
                    axes: __zoo::Axes { width: #width, depth: #depth },
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
pub fn stand_in(zoo: &TokenStream, head: &Head) -> TokenStream {
    let Head { attributes, visibility, name } = head;
    quote! {
        #(#attributes)*
        #visibility static #name: #zoo::Architecture = {
            use #zoo::__zoo;
            const fn build(_: &mut __zoo::PlanBuilder<'_>) {}
            __zoo::Architecture {
                family: "",
                axes: __zoo::Axes { width: false, depth: false },
                profiles: &["native"],
                variants: &[],
                claims: &[],
                names: &[],
                about: __zoo::About { title: "", short: "", colour: ::core::option::Option::None, compound: false, single: false },
                rules: __zoo::Rules {
                    width_rounding: __zoo::WidthRounding::Divisible(8),
                    depth_rounding: __zoo::DepthRounding::Up,
                    input_channels: 3,
                    norm: __zoo::Norm::BatchNorm(__zoo::BatchNorm { eps: 1e-5, momentum: 0.1 }),
                    activation: __zoo::Activation::Relu,
                    init: __zoo::Init::DEFAULT,
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
