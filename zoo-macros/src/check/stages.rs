//! The rows of `stages`, and the profiles that name them.

use proc_macro2::Ident;

use super::fields;
use crate::ast::{Cell, Field, Grid, Kind, Row as RowSyntax, Stride as StrideSyntax, Struct, Target as TargetSyntax};
use crate::diagnostics::Diagnostics;
use crate::network::{Group, Profile, Row, Stride, Target};
use crate::words::{self, plural};

/// Checks all groups, and numbers their stages: runs of rows of the same block type and width.
///
/// Also says whether every row could be read: where one could not, the numbers are not to be relied on.
pub fn groups(list: Vec<(Struct, Grid)>, errors: &mut Diagnostics) -> (Vec<Group>, bool) {
    let written: usize = list.iter().map(|(_, grid)| grid.rows.len()).sum();
    let mut numbering = Numbering { next: 0, last: None };
    let groups: Vec<Group> = list.into_iter().map(|(block, grid)| group(block, grid, &mut numbering, errors)).collect();
    let read: usize = groups.iter().map(|group| group.rows.len()).sum();
    (groups, written > 0 && read == written)
}

struct Numbering {
    next: usize,
    last: Option<(String, String)>,
}

impl Numbering {
    /// The stage of a row, and whether the row begins it.
    fn stage(&mut self, block: &str, width: &str) -> (usize, bool) {
        let this = Some((block.to_string(), width.to_string()));
        let begins = self.last != this;
        if begins {
            self.next += 1;
            self.last = this;
        }
        (self.next - 1, begins)
    }
}

fn group(mut block: Struct, grid: Grid, numbering: &mut Numbering, errors: &mut Diagnostics) -> Group {
    let name = block.path.to_string().replace(' ', "");
    block.fields = fields::checked(block.fields, errors);
    if let Some(n) = block.fields.iter().find(|field| field.name == "n") {
        errors.at(n.name.span(), "`n` is a column, not a field of the block: repeats go in the rows");
    }
    columns(&grid.header, errors);
    let has_width = grid.header.iter().any(|column| column == "c");
    if !has_width {
        errors.over(header(&grid), format!("`stages {name}` has no column `c`: every row needs its width"));
    }
    if grid.rows.is_empty() {
        errors.over(&block.path, format!("`stages {name}` has no rows"));
    }
    let mut rows = Vec::new();
    for (index, syntax) in grid.rows.into_iter().enumerate() {
        let what = format!("row {} of `stages {name}`", index + 1);
        rows.extend(row(&what, syntax, &grid.header, &name, numbering, errors));
    }
    Group { block, header: grid.header, rows }
}

fn header(grid: &Grid) -> proc_macro2::TokenStream {
    let header = &grid.header;
    quote::quote!(#(#header)*)
}

/// Reports columns that stand twice.
pub fn columns(header: &[Ident], errors: &mut Diagnostics) {
    for (index, column) in header.iter().enumerate() {
        if header[..index].contains(column) {
            errors.at(column.span(), format!("duplicate column `{column}`"));
        }
    }
}

/// Reports a row whose cells do not match its header.
pub fn arity(what: &str, row: &RowSyntax, header: &[Ident], errors: &mut Diagnostics) -> bool {
    if row.broken {
        return false;
    }
    if row.cells.len() != header.len() {
        let names: Vec<String> = header.iter().map(Ident::to_string).collect();
        let cells = plural(row.cells.len(), "cell");
        let columns = plural(header.len(), "column");
        let mut message = format!("{what} has {cells}, but the header has {columns}: {}", names.join(" "));
        if row.cells.len() >= 2 * header.len() {
            message += "; is a `;` missing between two rows?";
        }
        errors.over(row.tokens(), message);
        return false;
    }
    true
}

fn row(
    what: &str,
    mut syntax: RowSyntax,
    header: &[Ident],
    block: &str,
    numbering: &mut Numbering,
    errors: &mut Diagnostics,
) -> Option<Row> {
    let fix_depth = fix_depth(&mut syntax, header, errors);
    if !arity(what, &syntax, header, errors) {
        return None;
    }
    let (mut n, mut c) = (None, None);
    let mut fields = Vec::new();
    for (column, cell) in header.iter().zip(&syntax.cells) {
        fields::value(column, cell, errors);
        match column.to_string().as_str() {
            "n" => {
                repeats(cell, errors);
                n = Some(cell.clone());
                continue;
            }
            "c" if cell.is_absent() => errors.at(cell.span, "every row needs its width: `c` may not be `-`"),
            "c" => c = Some(cell.clone()),
            _ => {}
        }
        if !cell.is_absent() {
            fields.push(Field { name: column.clone(), value: cell.clone() });
        }
    }
    let c = c?;
    let (stage, begins_stage) = numbering.stage(block, &c.tokens.to_string());
    Some(Row { stage, begins_stage, fields, n, c, fix_depth, cells: syntax.cells })
}

/// Takes the word behind the last cell off the row.
fn fix_depth(row: &mut RowSyntax, header: &[Ident], errors: &mut Diagnostics) -> bool {
    let Some(Cell { kind: Kind::Word(word), .. }) = row.cells.last() else { return false };
    let (word, surplus) = (word.clone(), row.cells.len() == header.len() + 1);
    let known = word == "fix_depth";
    if known || surplus {
        row.cells.pop();
    }
    if surplus && !known {
        errors.at(word.span(), words::unknown("word after a row", &word.to_string(), &["fix_depth"]));
    }
    known
}

fn repeats(cell: &Cell, errors: &mut Diagnostics) {
    if cell.int() == Some(0) {
        errors.at(cell.span, "`n` is 0: a row stands for at least 1 block");
    } else if !fields::may_be_whole(cell) {
        errors.at(cell.span, format!("`n` is `{}`: repeats are a whole number, 1 or more", cell.tokens));
    }
}

/// How many stages the groups have.
pub fn count(groups: &[Group]) -> usize {
    groups.iter().flat_map(|group| &group.rows).map(|row| row.stage + 1).max().unwrap_or(0)
}

/// Checks the profiles against the numbers of layers of the stem and of stages, where those are known.
pub fn profiles(
    list: Vec<(Ident, Vec<StrideSyntax>)>,
    stem: Option<usize>,
    stages: Option<usize>,
    errors: &mut Diagnostics,
) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = Vec::new();
    for (name, syntax) in list {
        if name == "native" {
            errors.at(name.span(), "profile `native` is built in: it has the strides of the table");
        } else if profiles.iter().any(|earlier| earlier.name == name) {
            errors.at(name.span(), format!("duplicate profile `{name}`"));
        }
        let mut strides: Vec<Stride> = Vec::new();
        for syntax in syntax {
            let Some(stride) = stride(syntax, stem, stages, errors) else { continue };
            if strides.iter().any(|earlier| earlier.target == stride.target) {
                errors.over(&stride.tokens, format!("profile `{name}` sets this stride twice"));
            }
            strides.push(stride);
        }
        profiles.push(Profile { name, strides });
    }
    profiles
}

fn stride(
    syntax: StrideSyntax,
    stem: Option<usize>,
    stages: Option<usize>,
    errors: &mut Diagnostics,
) -> Option<Stride> {
    let StrideSyntax { target, field, value, tokens } = syntax;
    if field != "s" {
        errors.at(field.span(), format!("a profile sets only strides: `s` may change, `{field}` may not"));
    }
    match value.int() {
        Some(_) => fields::value(&field, &value, errors),
        None => errors.at(value.span, "a stride is a whole number"),
    }
    let (index, count, what, whole) = match &target {
        TargetSyntax::Stem(None) => return Some(Stride { target: Target::Stem(0), field, value, tokens }),
        TargetSyntax::Stem(Some(index)) => (index, stem?, "layer", "stem has layers"),
        TargetSyntax::Stage(index) => (index, stages?, "stage", "table has stages"),
    };
    let Some(number) = index.int().map(|number| number as usize).filter(|number| *number < count) else {
        let message = format!("there is no {what} {}: the {whole} 0 to {}", index.tokens, count - 1);
        errors.at(index.span, message);
        return None;
    };
    let target = match target {
        TargetSyntax::Stem(_) => Target::Stem(number),
        TargetSyntax::Stage(_) => Target::Stage(number),
    };
    Some(Stride { target, field, value, tokens })
}
