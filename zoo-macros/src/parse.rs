//! From tokens to the syntax tree. A section that cannot be read is reported and skipped, and the next one is read.

mod grid;
mod layer;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Result, Token, Visibility};

use crate::ast::{Body, Cell, Head, Image, Section, Table, Word};
use crate::diagnostics::Diagnostics;
use crate::words::{self, SECTIONS};

/// Reads a table. What could not be read is in `errors`.
pub fn parse(tokens: TokenStream, errors: &mut Diagnostics) -> Table {
    let mut table = Table { head: None, sections: Vec::new(), attempted: Vec::new() };
    let read = |input: ParseStream| {
        match head(input) {
            Ok(head) => table.head = Some(head),
            Err(error) => {
                // Without a name nothing can be declared, and what follows may be anything.
                errors.push(error);
                return input.step(|cursor| Ok(((), end_of(*cursor))));
            }
        }
        while !input.is_empty() {
            match section(input, &mut table.attempted, errors) {
                Ok(Some(section)) => table.sections.push(section),
                Ok(None) => skip(input)?,
                Err(error) => {
                    errors.push(error);
                    skip(input)?;
                }
            }
        }
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        errors.push(error);
    }
    table
}

fn end_of(mut cursor: syn::buffer::Cursor<'_>) -> syn::buffer::Cursor<'_> {
    while let Some((_, next)) = cursor.token_tree() {
        cursor = next;
    }
    cursor
}

/// `/// documentation pub NAME;`
fn head(input: ParseStream) -> Result<Head> {
    let attributes = Attribute::parse_outer(input)?;
    let visibility = input.parse::<Visibility>()?;
    let name = input.parse::<Ident>().map_err(|error| {
        Error::new(
            error.span(),
            "expected the network's name: documentation, visibility and name, as in `pub EFFICIENTNET;`",
        )
    })?;
    semicolon(input, &format!("the name `{name}`"))?;
    Ok(Head { attributes, visibility, name })
}

/// A section, or nothing where its first word is unknown and reported.
fn section(input: ParseStream, attempted: &mut Vec<String>, errors: &mut Diagnostics) -> Result<Option<Section>> {
    if let Some(group) = group_without_its_word(input) {
        let message = format!("every group of blocks begins with the word `stages`: `stages {group} {{ ... }}`");
        errors.at(group.span(), message);
        attempted.push("stages".into());
        let body = body("stages", input, errors)?;
        return Ok(Some(Section { word: Ident::new("stages", group.span()), body }));
    }
    let word = input
        .parse::<Ident>()
        .map_err(|error| Error::new(error.span(), format!("expected a section: {}", words::list(&SECTIONS))))?;
    let mut name = word.to_string();
    if !SECTIONS.contains(&name.as_str()) {
        errors.at(word.span(), words::unknown("section", &name, &SECTIONS));
        // Read it as what was probably meant, so that its own mistakes are reported too and it is not called missing.
        match words::nearest(&name, &SECTIONS) {
            Some(near) => name = near.to_string(),
            None => return Ok(None),
        }
    }
    attempted.push(name.clone());
    let body = body(&name, input, errors)?;
    if !matches!(name.as_str(), "stages" | "profile" | "variants" | "claims") {
        semicolon(input, &format!("section `{name}`"))?;
    }
    Ok(Some(Section { word: Ident::new(&name, word.span()), body }))
}

/// The block of a group behind another, where it stands as a section would: a type and braces.
fn group_without_its_word(input: ParseStream) -> Option<Ident> {
    let block = input.fork().parse::<Ident>().ok()?;
    let is_type = block.to_string().starts_with(char::is_uppercase);
    (is_type && input.peek2(syn::token::Brace)).then_some(block)
}

fn body(section: &str, input: ParseStream, errors: &mut Diagnostics) -> Result<Body> {
    Ok(match section {
        "scale" => Body::Scale(comma_list(input, |input| input.parse())?),
        "vary" => Body::Vary(comma_list(input, |input| input.parse())?),
        "round" => Body::Round(comma_list(input, |input| {
            let axis = input.parse()?;
            input.parse::<Token![:]>()?;
            Ok((axis, input.parse()?))
        })?),
        "input" => image(input)?,
        "names" => Body::Names(comma_list(input, layer::path)?),
        "report" => Body::Report(comma_list(input, |input| {
            let word = input.parse()?;
            let value = if input.peek(Token![:]) {
                input.parse::<Token![:]>()?;
                Some(input.parse()?)
            } else {
                None
            };
            Ok((word, value))
        })?),
        "norm" => Body::Norm(layer::structure(input, errors)?),
        "act" => Body::Act(input.parse()?),
        "init" => Body::Init(comma_list(input, |input| {
            let layer = if input.peek2(Token![:]) && !input.peek2(Token![::]) {
                let layer = input.parse()?;
                input.parse::<Token![:]>()?;
                Some(layer)
            } else {
                None
            };
            Ok((layer, input.parse()?))
        })?),
        "padding" => Body::Padding(input.parse()?),
        "stem" | "head" => Body::Layers(comma_list(input, |input| layer::layer(input, errors))?),
        "top" => Body::Top(comma_list(input, |input| layer::top_item(input, errors))?),
        "stages" => layer::stages(input, errors)?,
        "profile" => layer::profile(input, errors)?,
        "variants" | "claims" => Body::Grid(grid::grid(input, section, errors)?),
        // `drop_path` and `dropout`: `section` is a word of `SECTIONS`.
        _ => Body::Rate(input.parse()?),
    })
}

/// `3 x 224` or `3 x 160 x 320`
fn image(input: ParseStream) -> Result<Body> {
    let channels = input.parse::<Cell>()?;
    let height = by(input, channels.span)?;
    let width = if input.peek(Ident::peek_any) { Some(by(input, height.span)?) } else { None };
    Ok(Body::Input(Image { channels, height, width }))
}

/// `x 224`, behind a number at `behind`.
fn by(input: ParseStream, behind: Span) -> Result<Cell> {
    const EXPECTED: &str =
        "expected channels and size of the input with spaces around the x: `3 x 224` or `3 x 160 x 320`";
    let by = input.parse::<Ident>().map_err(|_| Error::new(behind, EXPECTED))?;
    if by != "x" {
        return Err(Error::new(by.span(), EXPECTED));
    }
    input.parse::<Cell>().map_err(|_| Error::new(by.span(), EXPECTED))
}

/// Items with commas between them, up to a semicolon.
fn comma_list<T>(input: ParseStream, mut item: impl FnMut(ParseStream) -> Result<T>) -> Result<Vec<T>> {
    let mut items = vec![item(input)?];
    while input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
        items.push(item(input)?);
    }
    Ok(items)
}

fn semicolon(input: ParseStream, behind: &str) -> Result<()> {
    match input.parse::<Token![;]>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(error.span(), format!("expected `;` after {behind}"))),
    }
}

/// Goes to where the next section seems to begin: here if this is a section's word (a semicolon was forgotten), or behind
/// the next semicolon, or behind braces that a section's word follows.
fn skip(input: ParseStream) -> Result<()> {
    if at_section(input) {
        return Ok(());
    }
    while !input.is_empty() {
        let ended = match input.parse::<TokenTree>()? {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && at_section(input),
            _ => false,
        };
        if ended {
            break;
        }
    }
    Ok(())
}

fn at_section(input: ParseStream) -> bool {
    input.fork().parse::<Ident>().is_ok_and(|word| SECTIONS.contains(&word.to_string().as_str()))
}

impl Parse for Cell {
    fn parse(input: ParseStream) -> Result<Cell> {
        if input.is_empty() || input.peek(Token![;]) || input.peek(Token![,]) {
            return Err(input.error("expected a value: a literal, a name, `-`, or an expression in parentheses"));
        }
        Ok(Cell::new(input.parse()?))
    }
}

impl Parse for Word {
    fn parse(input: ParseStream) -> Result<Word> {
        let name = input.parse()?;
        let arguments = if input.peek(syn::token::Paren) {
            let inner;
            syn::parenthesized!(inner in input);
            Some(inner.parse()?)
        } else {
            None
        };
        Ok(Word { name, arguments })
    }
}
