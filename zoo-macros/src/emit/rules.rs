//! What a table says once, as `Rules`.

use proc_macro2::TokenStream;
use quote::quote;

use super::{fields, value};
use crate::ast::Cell;
use crate::network::{DepthRounding, Draw, Network, Padding, Report, Scaling, WidthRounding};

// const __RULES: ::zoo_core::Rules = ::zoo_core::Rules {
//     width_rounding: ::zoo_core::WidthRounding::Divisible(8),
//     depth_rounding: ::zoo_core::DepthRounding::Up,
//     input_channels: 3 as _,
//     norm: ::zoo_core::Norm::BatchNorm(::zoo_core::BatchNorm { eps: 1e-3, momentum: 0.01 }),
//     activation: Silu,
//     init: ::zoo_core::Init { conv: ::zoo_core::Draw::FanOut(1), linear: ::zoo_core::Init::DEFAULT.linear },
// };
pub fn rules(network: &Network) -> TokenStream {
    let width_rounding = match network.width_rounding {
        WidthRounding::Divisible(divisor) => quote!(Divisible(#divisor)),
        WidthRounding::Truncated(least) => quote!(Truncated(#least)),
    };
    let depth_rounding = match network.depth_rounding {
        DepthRounding::Up => quote!(Up),
        DepthRounding::Truncated => quote!(Truncated),
    };
    let (conv, linear) = (init(&network.init.conv, "conv"), init(&network.init.linear, "linear"));
    let channels = value(&network.input.channels);
    let (norm, constants) = (&network.norm.path, fields(&network.norm.fields));
    let act = value(&network.act);
    quote! {
        const __RULES: ::zoo_core::Rules = ::zoo_core::Rules {
            width_rounding: ::zoo_core::WidthRounding::#width_rounding,
            depth_rounding: ::zoo_core::DepthRounding::#depth_rounding,
            input_channels: #channels,
            norm: ::zoo_core::Norm::#norm(::zoo_core::#norm { #constants }),
            activation: #act,
            init: ::zoo_core::Init { conv: #conv, linear: #linear },
        };
    }
}

fn init(draw: &Option<Draw>, layer: &str) -> TokenStream {
    let draw = match draw {
        None => {
            let layer = quote::format_ident!("{layer}");
            return quote!(::zoo_core::Init::DEFAULT.#layer);
        }
        Some(Draw::FanOut(least)) => quote!(FanOut(#least)),
        Some(Draw::FanIn) => quote!(FanIn),
        Some(Draw::Normal(deviation)) => {
            let deviation = value(deviation);
            quote!(Normal(#deviation))
        }
        Some(Draw::TruncatedNormal(deviation)) => {
            let deviation = value(deviation);
            quote!(TruncatedNormal(#deviation))
        }
    };
    quote!(::zoo_core::Draw::#draw)
}

// ::zoo_core::About { title: "EfficientNet", short: "EffNet", colour: Some(4), compound: true, single: false }
pub fn about(report: &Report, family: &str) -> TokenStream {
    let text =
        |cell: &Option<Cell>, otherwise: TokenStream| cell.as_ref().map_or(otherwise, |cell| cell.tokens.clone());
    let title = text(&report.title, quote!(#family));
    let short = text(&report.short, title.clone());
    let colour = match &report.colour {
        Some(colour) => {
            let colour = value(colour);
            quote!(::core::option::Option::Some(#colour))
        }
        None => quote!(::core::option::Option::None),
    };
    let (compound, single) = (report.compound, report.single);
    quote!(::zoo_core::About { title: #title, short: #short, colour: #colour, compound: #compound, single: #single })
}

/// The table's padding.
pub fn padding(padding: &Padding) -> TokenStream {
    match padding {
        Padding::Symmetric => quote!(::zoo_core::Padding::Symmetric),
        Padding::Same => quote!(::zoo_core::Padding::Same),
    }
}

/// The word behind a layer.
pub fn scaling(scaling: &Scaling) -> TokenStream {
    match scaling {
        Scaling::Fixed => quote!(::zoo_core::Scaling::Fixed),
        Scaling::FixedBelow(width) => {
            let width = value(width);
            quote!(::zoo_core::Scaling::FixedBelow(#width))
        }
        Scaling::Floor => quote!(::zoo_core::Scaling::Floor),
    }
}
