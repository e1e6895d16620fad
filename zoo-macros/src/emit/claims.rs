//! Variants as options, and claims as checks that the compiler makes.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::{rules, value};
use crate::ast::{Cell, Field, Image};
use crate::network::{Claim, MOST_VARIED, Network, Variant};

// const __DEFAULTS: __zoo::Options = __zoo::Options {
//     padding: ..., input_size: __zoo::ImageSize::square(224 as _), drop_path: 0.2, ..__zoo::Options::DEFAULT
// };
// const __VARIANTS: &[__zoo::Variant] = &[__zoo::Variant {
//     name: "efficientnet-b0",
//     options: __zoo::Options {
//         width: 1.0, depth: 1.0, input_size: __zoo::ImageSize::square(224 as _), dropout: 0.2, ..__DEFAULTS
//     },
// }];
pub fn variants(network: &Network) -> TokenStream {
    let padding = rules::padding(&network.padding);
    let Image { height, width, .. } = &network.input;
    let (height, width) = (value(height), value(width.as_ref().unwrap_or(height)));
    let dropout = rate("dropout", &network.dropout);
    let drop_path = rate("drop_path", &network.drop_path);
    let variants = network.variants.iter().map(|Variant { name, options, varied }| {
        let (name, options) = (&name.tokens, fields(options));
        let varied = varied.iter().map(|field| field.as_ref().map_or(quote!(0), |field| value(&field.value)));
        let rest = (varied.len()..MOST_VARIED).map(|_| quote!(0));
        let varied = varied.chain(rest);
        quote!(__zoo::Variant { name: #name, options: __zoo::Options { #options varied: [#(#varied),*], ..__DEFAULTS } })
    });
    quote! {
        const __DEFAULTS: __zoo::Options = __zoo::Options {
            padding: #padding,
            input_size: __zoo::ImageSize { height: #height, width: #width },
            #dropout
            #drop_path
            ..__zoo::Options::DEFAULT
        };
        const __VARIANTS: &[__zoo::Variant] = &[#(#variants),*];
    }
}

fn rate(field: &str, cell: &Option<Cell>) -> Option<TokenStream> {
    let field = format_ident!("{field}");
    cell.as_ref().map(|cell| {
        let rate = value(cell);
        quote!(#field: #rate,)
    })
}

/// Columns as fields of `Options`, where the side of a square `input` is an `input_size`.
fn fields(options: &[Field]) -> TokenStream {
    let (input, others): (Vec<Field>, Vec<Field>) = options.iter().cloned().partition(|field| field.name == "input");
    let others = super::fields(&others);
    let input = input.iter().map(|field| {
        let side = value(&field.value);
        quote!(input_size: __zoo::ImageSize::square(#side),)
    });
    quote!(#others #(#input)*)
}

// const __CLAIMS: &[__zoo::Claim] = &[...];
// and the checks of each claim.
pub fn claims(network: &Network) -> TokenStream {
    let claims = network.claims.iter().map(|claim| {
        let (name, options) = (&claim.name.tokens, options(claim));
        let (params, macs) = (claimed(&claim.params), claimed(&claim.macs));
        quote!(__zoo::Claim { name: #name, options: #options, params: #params, macs: #macs })
    });
    let checks = network.claims.iter().enumerate().map(|(index, claim)| check(index, claim));
    quote! {
        const __CLAIMS: &[__zoo::Claim] = &[#(#claims),*];
        #(#checks)*
    }
}

// __zoo::Options { profile: 1u32, ..__VARIANTS[0usize].options }
fn options(claim: &Claim) -> TokenStream {
    let (variant, options) = (claim.variant, fields(&claim.options));
    let profile = claim.profile.as_ref().map(|(name, index)| {
        let index = *index as u32;
        quote_spanned!(name.span()=> profile: #index,)
    });
    quote!(__zoo::Options { #options #profile ..__VARIANTS[#variant].options })
}

fn claimed(count: &Option<Cell>) -> TokenStream {
    match count {
        Some(count) => {
            let count = &count.tokens;
            quote!(::core::option::Option::Some(#count))
        }
        None => quote!(::core::option::Option::None),
    }
}

// const __TOTALS_0: __zoo::Cost = {
//     let mut b = __zoo::PlanBuilder::counting(&__CLAIMS[0usize].options, &__RULES);
//     __build(&mut b);
//     match b.finish() { Ok(cost) => cost, Err(error) => panic!("{}", error.summary()) }
// };
// const _: [(); 5_288_548] = [(); __TOTALS_0.params as usize];
// const _: [(); 385_814_752] = [(); __TOTALS_0.macs as usize];
//
// Of all ways to compare two numbers while compiling, the lengths of arrays alone make the compiler print both.
fn check(index: usize, claim: &Claim) -> TokenStream {
    let totals = format_ident!("__TOTALS_{index}");
    let counted = quote_spanned! {claim.name.span=>
        const #totals: __zoo::Cost = {
            let mut b = __zoo::PlanBuilder::counting(&__CLAIMS[#index].options, &__RULES);
            __build(&mut b);
            match b.finish() {
                ::core::result::Result::Ok(cost) => cost,
                ::core::result::Result::Err(error) => ::core::panic!("{}", error.summary()),
            }
        };
    };
    let equal = |claimed: &Option<Cell>, field: &str| {
        let Cell { tokens, span, .. } = claimed.as_ref()?;
        let field = Ident::new(field, *span);
        Some(quote_spanned!(*span=> const _: [(); #tokens] = [(); #totals.#field as usize];))
    };
    let (params, macs) = (equal(&claim.params, "params"), equal(&claim.macs, "macs"));
    quote!(#counted #params #macs)
}
