//! The syntax of a table: what was written, before anybody asks whether it makes sense.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Lit, LitStr, Visibility};

/// A whole table.
pub struct Table {
    /// What is declared; none where even that could not be read.
    pub head: Option<Head>,
    /// The sections that could be read, in the order of the table.
    pub sections: Vec<Section>,
    /// The first words of all sections, also of those that could not be read.
    pub attempted: Vec<String>,
}

/// The item that the table declares: attributes, visibility, name.
#[derive(Clone)]
pub struct Head {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub name: Ident,
}

/// A section: its first word and what follows.
pub struct Section {
    pub word: Ident,
    pub body: Body,
}

/// What follows the first word of a section.
pub enum Body {
    Scale(Vec<Ident>),
    Vary(Vec<Ident>),
    Names(Vec<TokenStream>),
    Report(Vec<(Ident, Option<Cell>)>),
    Round(Vec<(Ident, Word)>),
    Input(Image),
    Norm(Struct),
    Act(Cell),
    Init(Vec<(Option<Ident>, Word)>),
    Padding(Word),
    Layers(Vec<Layer>),
    Stages { block: Struct, grid: Grid },
    Top(Vec<TopItem>),
    Rate(Cell),
    Profile { name: Ident, strides: Vec<Stride> },
    Grid(Grid),
}

/// A word that may have arguments: `ceil`, `divisible(8)`.
pub struct Word {
    pub name: Ident,
    pub arguments: Option<TokenStream>,
}

/// A type with fields: `MBConv { se: 0.25 }`.
#[derive(Clone)]
pub struct Struct {
    pub path: TokenStream,
    pub fields: Vec<Field>,
}

/// `se: 0.25`, or a cell with its column.
#[derive(Clone)]
pub struct Field {
    pub name: Ident,
    pub value: Cell,
}

/// A stem, a head or a layer of the top: `Conv { k: 1, c: 1280 } fixed`.
pub struct Layer {
    pub block: Struct,
    pub scaling: Option<Word>,
}

/// An item of the top.
pub enum TopItem {
    Word(Ident),
    Layer(Layer),
}

/// `stem.s = 1;`, `stem[1].s = 1;` or `stages[1].s = 1;`
pub struct Stride {
    pub target: Target,
    pub field: Ident,
    pub value: Cell,
    /// All of it, for messages.
    pub tokens: TokenStream,
}

/// Whose stride a profile changes.
pub enum Target {
    /// A layer of the stem, the first where no number is given.
    Stem(Option<Cell>),
    Stage(Cell),
}

/// A table within the table: a header and rows.
pub struct Grid {
    pub header: Vec<Ident>,
    pub rows: Vec<Row>,
}

/// A row as written, not yet held against its header.
pub struct Row {
    pub cells: Vec<Cell>,
    /// Whether a cell could not be read, so that counting cells would mislead.
    pub broken: bool,
}

impl Row {
    /// All cells, for messages about the row.
    pub fn tokens(&self) -> TokenStream {
        self.cells.iter().map(|cell| cell.tokens.clone()).collect()
    }
}

/// A cell: one token tree.
#[derive(Clone)]
pub struct Cell {
    pub tokens: TokenStream,
    pub kind: Kind,
    pub span: Span,
}

/// What a cell is, as far as the macro can tell.
#[derive(Clone)]
pub enum Kind {
    /// An integer literal; one beyond 64 bits counts as the largest.
    Int(u64),
    Float,
    Text(LitStr),
    Word(Ident),
    /// `-`
    Absent,
    /// Something in parentheses, or a literal of another kind.
    Expression,
}

impl Cell {
    /// Reads a token tree as a cell. A group without delimiters is what a `macro_rules!` variable leaves.
    pub fn new(tree: TokenTree) -> Cell {
        if let TokenTree::Group(group) = &tree {
            let mut inner = group.stream().into_iter();
            if let (Delimiter::None, Some(only), None) = (group.delimiter(), inner.next(), inner.next()) {
                return Cell::new(only);
            }
        }
        let span = tree.span();
        let kind = match &tree {
            TokenTree::Ident(word) => Kind::Word(word.clone()),
            TokenTree::Punct(punct) if punct.as_char() == '-' => Kind::Absent,
            TokenTree::Punct(_) | TokenTree::Group(_) => Kind::Expression,
            TokenTree::Literal(literal) => match Lit::new(literal.clone()) {
                Lit::Int(int) => Kind::Int(int.base10_parse().unwrap_or(u64::MAX)),
                Lit::Float(_) => Kind::Float,
                Lit::Str(text) => Kind::Text(text),
                _ => Kind::Expression,
            },
        };
        Cell { tokens: tree.into_token_stream(), kind, span }
    }

    /// The cell's value where it is an integer literal.
    pub fn int(&self) -> Option<u64> {
        match self.kind {
            Kind::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the cell is `-`.
    pub fn is_absent(&self) -> bool {
        matches!(self.kind, Kind::Absent)
    }
}

/// `3 x 224`, or `1 x 28 x 40` where it is not square.
#[derive(Clone)]
pub struct Image {
    pub channels: Cell,
    pub height: Cell,
    /// Where it is not the height.
    pub width: Option<Cell>,
}
