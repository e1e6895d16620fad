//! Blocks with fields: stems, heads, groups of stages, tops; and the profiles that change their strides.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Path, Result, Token};

use super::grid::grid;
use crate::ast::{Body, Cell, Field, Kind, Layer, Stride, Struct, Target, TopItem, Word};
use crate::diagnostics::Diagnostics;

/// `MBConv { se: 0.25, se_of: Input }`
pub fn structure(input: ParseStream, errors: &mut Diagnostics) -> Result<Struct> {
    let path = path(input)?;
    if !input.peek(syn::token::Brace) {
        return Err(input.error(format!("expected `{{`: the fields of `{path}` go in braces")));
    }
    let inner;
    syn::braced!(inner in input);
    Ok(Struct { path, fields: fields(&inner, errors)? })
}

/// `MBConv { defaults of the group }? { rows }`
pub fn stages(input: ParseStream, errors: &mut Diagnostics) -> Result<Body> {
    let path = path(input)?;
    // The first braces are the defaults only where more braces follow.
    let ahead = input.fork();
    ahead.parse::<TokenTree>().ok();
    let fields = if input.peek(syn::token::Brace) && ahead.peek(syn::token::Brace) {
        let inner;
        syn::braced!(inner in input);
        fields(&inner, errors)?
    } else {
        Vec::new()
    };
    Ok(Body::Stages { block: Struct { path, fields }, grid: grid(input, "stages", errors)? })
}

/// `Conv { k: 1, c: 1280 } fixed`
pub fn layer(input: ParseStream, errors: &mut Diagnostics) -> Result<Layer> {
    let block = structure(input, errors)?;
    let scaling = if input.peek(Ident::peek_any) { Some(input.parse::<Word>()?) } else { None };
    Ok(Layer { block, scaling })
}

/// A word, or a layer where braces or a path follow.
pub fn top_item(input: ParseStream, errors: &mut Diagnostics) -> Result<TopItem> {
    let ahead = input.fork();
    ahead.parse::<Ident>()?;
    if ahead.peek(syn::token::Brace) || ahead.peek(Token![::]) {
        Ok(TopItem::Layer(layer(input, errors)?))
    } else {
        Ok(TopItem::Word(input.parse()?))
    }
}

/// `cifar { stem.s = 1; stages[1].s = 1; }`
pub fn profile(input: ParseStream, errors: &mut Diagnostics) -> Result<Body> {
    let name = input.parse::<Ident>()?;
    if !input.peek(syn::token::Brace) {
        return Err(input.error(format!("expected `{{`: the strides of profile `{name}` go in braces")));
    }
    let inner;
    syn::braced!(inner in input);
    let mut strides = Vec::new();
    while !inner.is_empty() {
        match stride(&inner) {
            Ok(stride) => strides.push(stride),
            Err(error) => {
                errors.push(error);
                while !inner.is_empty() && !inner.peek(Token![;]) {
                    inner.parse::<TokenTree>()?;
                }
            }
        }
        if !inner.is_empty() {
            inner.parse::<Token![;]>()?;
        }
    }
    Ok(Body::Profile { name, strides })
}

fn stride(input: ParseStream) -> Result<Stride> {
    let expected = |span| Error::new(span, "a profile sets only strides: `stem.s = 1;` or `stages[0].s = 1;`");
    let start = input.span();
    let target = input.parse::<Ident>().map_err(|error| expected(error.span()))?;
    let mut tokens = target.to_token_stream();
    let index = if input.peek(syn::token::Bracket) {
        let inner;
        syn::bracketed!(inner in input);
        let index = inner.parse::<Cell>()?;
        tokens.extend(index.tokens.clone());
        Some(index)
    } else {
        None
    };
    let target = match (target.to_string().as_str(), index) {
        ("stages", Some(index)) => Target::Stage(index),
        ("stem", index) => Target::Stem(index),
        _ => return Err(expected(start)),
    };
    input.parse::<Token![.]>().map_err(|error| expected(error.span()))?;
    let field = input.parse::<Ident>().map_err(|error| expected(error.span()))?;
    input.parse::<Token![=]>().map_err(|error| expected(error.span()))?;
    let value = input.parse::<Cell>()?;
    if !input.peek(Token![;]) {
        return Err(input.error("expected `;` after the stride"));
    }
    tokens.extend(field.to_token_stream());
    tokens.extend(value.tokens.clone());
    Ok(Stride { target, field, value, tokens })
}

/// A path, such as the type of a block.
pub fn path(input: ParseStream) -> Result<TokenStream> {
    let path = input.call(Path::parse_mod_style).map_err(|error| {
        Error::new(error.span(), "expected the type of a block, such as `Conv` or `my_crate::MyBlock`")
    })?;
    Ok(path.into_token_stream())
}

fn fields(input: ParseStream, errors: &mut Diagnostics) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    while !input.is_empty() {
        let name = input
            .parse::<Ident>()
            .map_err(|error| Error::new(error.span(), "expected a field: a name, a colon and a value, as in `k: 3`"))?;
        input.parse::<Token![:]>().map_err(|_| Error::new(name.span(), format!("expected a value: `{name}: ...`")))?;
        if let Some(value) = value(input, errors)? {
            fields.push(Field { name, value });
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(fields)
}

/// A value up to the comma: a cell or a path; nothing where it is neither and reported.
fn value(input: ParseStream, errors: &mut Diagnostics) -> Result<Option<Cell>> {
    let first = input.parse::<Cell>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Some(first));
    }
    let mut tokens = first.tokens.clone();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if syn::parse2::<Path>(tokens.clone()).is_ok() {
        return Ok(Some(Cell { kind: Kind::Expression, span: first.span, tokens }));
    }
    errors.over(quote!(#tokens), "a value is a literal or a name: put any other expression in parentheses");
    Ok(None)
}
