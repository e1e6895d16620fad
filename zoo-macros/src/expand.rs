//! The phases in a row, on tokens that tests can make.

use proc_macro2::TokenStream;

use crate::diagnostics::Diagnostics;
use crate::{check, emit, parse};

/// Expands one table: to a static and its checks or, where there are mistakes, to all of them at once and an empty static
/// of the same name, so that the places that use it report nothing of their own.
pub fn expand(table: TokenStream) -> TokenStream {
    let mut errors = Diagnostics::default();
    let syntax = parse::parse(table, &mut errors);
    let Some(head) = syntax.head.clone() else {
        return errors.into_compile_errors();
    };
    let network = check::check(syntax, &mut errors);
    match network {
        Some(network) if errors.is_empty() => emit::network(&network),
        _ => {
            let errors = errors.into_compile_errors();
            let stand_in = emit::stand_in(&head);
            quote::quote! { #errors #stand_in }
        }
    }
}
