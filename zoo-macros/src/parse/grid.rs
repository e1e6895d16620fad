//! Header and rows between braces.

use proc_macro2::{Delimiter, Ident, Span, TokenTree};
use syn::parse::ParseStream;
use syn::{Error, Result, Token};

use crate::ast::{Cell, Grid, Row};
use crate::diagnostics::Diagnostics;

/// Reads `{ header; row; row; }` of a section.
pub fn grid(input: ParseStream, section: &str, errors: &mut Diagnostics) -> Result<Grid> {
    if !input.peek(syn::token::Brace) {
        return Err(input.error(format!("expected the table of `{section}` in braces")));
    }
    let inner;
    syn::braced!(inner in input);
    let header = header(&inner, section)?;
    let mut rows = Vec::new();
    while !inner.is_empty() {
        rows.push(row(&inner, errors)?);
    }
    Ok(Grid { header, rows })
}

fn header(input: ParseStream, section: &str) -> Result<Vec<Ident>> {
    let mut header = Vec::new();
    while !input.peek(Token![;]) {
        let column = input.parse::<Ident>().map_err(|error| {
            Error::new(error.span(), format!("`{section}` begins with the names of its columns and `;`"))
        })?;
        header.push(column);
    }
    input.parse::<Token![;]>()?;
    Ok(header)
}

fn row(input: ParseStream, errors: &mut Diagnostics) -> Result<Row> {
    let mut row = Row { cells: Vec::new(), broken: false };
    while !input.peek(Token![;]) {
        if input.is_empty() {
            return Err(match row.cells.last() {
                Some(cell) => Error::new(cell.span, "expected `;` at the end of the row"),
                None => input.error("expected a row"),
            });
        }
        match cell(input)? {
            Ok(cell) => row.cells.push(cell),
            Err(error) => {
                errors.push(error);
                row.broken = true;
            }
        }
    }
    input.parse::<Token![;]>()?;
    Ok(row)
}

/// A cell; the inner error is a mistake behind which the row can be read on.
fn cell(input: ParseStream) -> Result<std::result::Result<Cell, Error>> {
    let tree = input.parse::<TokenTree>()?;
    const EXPECTED: &str = "a cell is a literal, a name or `-`: put any other expression in parentheses";
    match &tree {
        TokenTree::Punct(punct) if punct.as_char() != '-' => Ok(Err(Error::new(punct.span(), EXPECTED))),
        TokenTree::Punct(punct) if glued_literal(punct.span(), input) => {
            let literal = input.parse::<TokenTree>()?;
            let message = format!(
                "a negative number needs parentheses, because `-` alone is an empty cell: write `(-{literal})`"
            );
            Ok(Err(Error::new(punct.span(), message)))
        }
        TokenTree::Group(group) if matches!(group.delimiter(), Delimiter::Brace | Delimiter::Bracket) => {
            Ok(Err(Error::new(group.span(), EXPECTED)))
        }
        _ => Ok(Ok(Cell::new(tree))),
    }
}

/// Whether a literal follows without a space between. `- 1` is an empty cell and a 1; `-1` must not be read as that.
fn glued_literal(minus: Span, input: ParseStream) -> bool {
    if !input.peek(syn::Lit) {
        return false;
    }
    let (end, start) = (minus.end(), input.span().start());
    (end.line, end.column) == (start.line, start.column)
}
