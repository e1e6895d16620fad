//! A collector of mistakes, so that one compilation reports them all.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use std::fmt::Display;
use syn::Error;

/// The mistakes found so far.
#[derive(Default)]
pub struct Diagnostics {
    errors: Vec<Error>,
}

impl Diagnostics {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// A mistake at one token.
    pub fn at(&mut self, span: Span, message: impl Display) {
        self.errors.push(Error::new(span, message));
    }

    /// A mistake of a run of tokens, underlined from the first to the last.
    pub fn over(&mut self, tokens: impl ToTokens, message: impl Display) {
        // Taking the tokens as one type keeps `new_spanned` from being compiled for each caller's.
        self.errors.push(Error::new_spanned(tokens.into_token_stream(), message));
    }

    /// A mistake that syn found.
    pub fn push(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// A `compile_error!` for each mistake.
    pub fn into_compile_errors(self) -> TokenStream {
        self.errors.iter().map(Error::to_compile_error).collect()
    }

    #[cfg(test)]
    pub fn messages(&self) -> Vec<String> {
        self.errors.iter().map(Error::to_string).collect()
    }
}
