//! A checked network: what `emit` and `doc` read. Words have become variants, names indices, rows stages.

use proc_macro2::{Ident, TokenStream};

use crate::ast::{Cell, Field, Head, Image, Struct};

/// Most columns of `variants` that may stand in cells: the length of `zoo_core::Options::varied`.
pub const MOST_VARIED: usize = 12;

/// A table without mistakes that the macro can see.
pub struct Network {
    pub head: Head,
    pub axes: Axes,
    /// Columns of `variants` that stand in cells.
    pub vary: Vec<Ident>,
    /// Constants that say how others name its tensors.
    pub names: Vec<TokenStream>,
    /// How reports show it.
    pub report: Report,
    pub width_rounding: WidthRounding,
    pub depth_rounding: DepthRounding,
    pub input: Image,
    pub norm: Struct,
    pub act: Cell,
    pub init: Init,
    pub padding: Padding,
    pub dropout: Option<Cell>,
    pub drop_path: Option<Cell>,
    pub stem: Vec<Layer>,
    pub groups: Vec<Group>,
    pub last: Vec<Layer>,
    pub top: Vec<TopItem>,
    pub profiles: Vec<Profile>,
    pub variants: Vec<Variant>,
    pub claims: Vec<Claim>,
}

impl Network {
    /// Every layer of stem, head and top with a name from its place and number; what a profile calls it.
    pub fn layers(&self) -> impl Iterator<Item = (String, &Layer, Option<Target>)> {
        let stem = self.stem.iter().enumerate().map(|(n, one)| (format!("Stem{n}"), one, Some(Target::Stem(n))));
        let head = self.last.iter().enumerate().map(|(n, one)| (format!("Head{n}"), one, None));
        let top = self.top.iter().enumerate().filter_map(|(n, item)| match item {
            TopItem::Layer(one) => Some((format!("Top{n}"), &**one, None)),
            _ => None,
        });
        stem.chain(head).chain(top)
    }
}

/// What `report` says.
#[derive(Default)]
pub struct Report {
    pub title: Option<Cell>,
    pub short: Option<Cell>,
    pub colour: Option<Cell>,
    pub compound: bool,
    pub single: bool,
}

/// The axes of `scale`.
#[derive(Clone, Copy, Default)]
pub struct Axes {
    pub width: bool,
    pub depth: bool,
}

/// `round width: ...`
pub enum WidthRounding {
    Divisible(u32),
    Truncated(u32),
}

/// `round depth: ...`
pub enum DepthRounding {
    Up,
    Truncated,
}

/// `init conv: ..., linear: ...`; none where the table says nothing.
#[derive(Default)]
pub struct Init {
    pub conv: Option<Draw>,
    pub linear: Option<Draw>,
}

/// A word of `init`.
#[derive(Clone)]
pub enum Draw {
    FanOut(u32),
    FanIn,
    Normal(Cell),
    TruncatedNormal(Cell),
}

/// `padding ...`
pub enum Padding {
    Symmetric,
    Same,
}

/// The word behind a layer.
pub enum Scaling {
    Fixed,
    FixedBelow(Cell),
    Floor,
}

/// A stem, a head, or a layer of the top.
pub struct Layer {
    pub block: Struct,
    pub scaling: Option<Scaling>,
    /// Its width, one of the fields, where it has one.
    pub channels: Option<Cell>,
}

/// An item of the top.
pub enum TopItem {
    Pool,
    Norm,
    Act,
    Dropout,
    Linear,
    Layer(Box<Layer>),
}

/// A `stages` section.
pub struct Group {
    pub block: Struct,
    pub header: Vec<Ident>,
    pub rows: Vec<Row>,
}

/// A row of a `stages` section.
pub struct Row {
    /// The stage it belongs to, counted through all groups.
    pub stage: usize,
    /// Whether the stage begins with it.
    pub begins_stage: bool,
    /// Its cells but `n`, and without those left out by `-`.
    pub fields: Vec<Field>,
    /// Repeats, where the group has the column.
    pub n: Option<Cell>,
    pub c: Cell,
    pub fix_depth: bool,
    /// All cells as written, for the documentation.
    pub cells: Vec<Cell>,
}

/// A `profile` section.
pub struct Profile {
    pub name: Ident,
    pub strides: Vec<Stride>,
}

/// A stride that a profile changes.
pub struct Stride {
    pub target: Target,
    pub field: Ident,
    pub value: Cell,
    pub tokens: TokenStream,
}

/// Whose stride a profile changes, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A layer of the stem.
    Stem(usize),
    Stage(usize),
}

/// A row of `variants`.
pub struct Variant {
    pub name: Cell,
    /// Columns but `name`, and without those left out by `-`.
    pub options: Vec<Field>,
    /// Values of the columns that stand in cells, in the order of `vary`; none where a row leaves one out.
    pub varied: Vec<Option<Field>>,
}

/// A row of `claims`.
pub struct Claim {
    pub name: Cell,
    /// Index of the variant.
    pub variant: usize,
    /// Options in which it differs from the variant.
    pub options: Vec<Field>,
    /// Index of the profile; 0 is `native`.
    pub profile: Option<(Ident, usize)>,
    pub params: Option<Cell>,
    pub macs: Option<Cell>,
}
