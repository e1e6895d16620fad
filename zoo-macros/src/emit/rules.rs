//! What a table says once, as `Rules`.

use proc_macro2::TokenStream;
use quote::quote;

use super::{fields, value};
use crate::ast::Cell;
use crate::network::{DepthRounding, Draw, Network, Padding, Report, Scaling, WidthRounding};

// const __RULES: __zoo::Rules = __zoo::Rules {
//     width_rounding: __zoo::WidthRounding::Divisible(8),
//     depth_rounding: __zoo::DepthRounding::Up,
//     input_channels: 3 as _,
//     norm: __zoo::Norm::BatchNorm(__zoo::BatchNorm { eps: 1e-3, momentum: 0.01 }),
//     activation: Silu,
//     init: __zoo::Init { conv: __zoo::Draw::FanOut(1), linear: __zoo::Init::DEFAULT.linear },
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
        const __RULES: __zoo::Rules = __zoo::Rules {
            width_rounding: __zoo::WidthRounding::#width_rounding,
            depth_rounding: __zoo::DepthRounding::#depth_rounding,
            input_channels: #channels,
            norm: __zoo::Norm::#norm(__zoo::#norm { #constants }),
            activation: #act,
            init: __zoo::Init { conv: #conv, linear: #linear },
        };
    }
}

fn init(draw: &Option<Draw>, layer: &str) -> TokenStream {
    let draw = match draw {
        None => {
            let layer = quote::format_ident!("{layer}");
            return quote!(__zoo::Init::DEFAULT.#layer);
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
    quote!(__zoo::Draw::#draw)
}

// __zoo::About { title: "EfficientNet", short: "EffNet", colour: Some(4), compound: true, single: false }
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
    quote!(__zoo::About { title: #title, short: #short, colour: #colour, compound: #compound, single: #single })
}

/// The table's padding.
pub fn padding(padding: &Padding) -> TokenStream {
    match padding {
        Padding::Symmetric => quote!(__zoo::Padding::Symmetric),
        Padding::Same => quote!(__zoo::Padding::Same),
    }
}

/// The word behind a layer.
pub fn scaling(scaling: &Scaling) -> TokenStream {
    match scaling {
        Scaling::Fixed => quote!(__zoo::Scaling::Fixed),
        Scaling::FixedBelow(width) => {
            let width = value(width);
            quote!(__zoo::Scaling::FixedBelow(#width))
        }
        Scaling::Floor => quote!(__zoo::Scaling::Floor),
    }
}
