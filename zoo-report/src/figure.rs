//! What a figure shows, before anything is drawn: points, lines, axes and sentences.

use super::axis::Axis;
use super::mark::Shape;
use super::observation::Kind;

/// A figure of the report.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its file's name without the ending.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// What stands below it: how to read it, and what was left undone.
    pub caption: Vec<String>,
    /// What is drawn.
    pub drawing: Drawing,
}

/// A part of the report that has no rows yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The sentence that stands in its place.
    pub sentence: String,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Drawing {
    /// Points, some joined by lines.
    Lines(Lines),
    /// Bars of parts that sum to a whole.
    Bars(Bars),
    /// Rows of points on one axis.
    Dots(Dots),
}

/// Points on two axes.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The axis to the right.
    pub x: Axis,
    /// The axis upwards.
    pub y: Axis,
    /// The lines and single points.
    pub series: Vec<Series>,
    /// Whether lines end at the right edge, so that their names need room outside of it.
    pub names_outside: bool,
    /// Points that nothing beats in both axes, for each kind of row.
    pub fronts: Vec<Vec<(f64, f64)>>,
    /// What error bars are, where there are some.
    pub spread: &'static str,
    /// What each colour stands for.
    pub keys: Vec<Key>,
    /// What each shape stands for, where it is not the colour that has it.
    pub shapes: Vec<(Shape, String)>,
    /// A place on the axis to the right that a line marks, and what it is.
    pub limit: Option<(f64, String)>,
}

/// A line, or points that look alike.
#[derive(Clone, Debug)]
pub struct Series {
    /// What stands at its end, or at one of its points where no line joins them.
    pub label: Label,
    /// Colour, an index into the palette.
    pub colour: usize,
    /// The shape of its points.
    pub shape: Shape,
    /// Measured points are filled, published ones are hollow.
    pub kind: Kind,
    /// Whether a line joins the points.
    pub joined: bool,
    /// The points, in the order of the line.
    pub points: Vec<Point>,
}

/// What a colour stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Index into the palette.
    pub colour: usize,
    /// What has it, and what varies along its lines.
    pub text: String,
}

/// Words at the end of a line: in full, and where there is little room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// In full.
    pub long: String,
    /// Where there is little room.
    pub short: String,
}

impl Label {
    /// With more behind it.
    pub fn with(&self, more: &str) -> Label {
        Label { long: format!("{}{more}", self.long), short: format!("{}{more}", self.short) }
    }
}

/// A point that names its row.
#[derive(Clone, Debug)]
pub struct Point {
    /// Position on the axis to the right.
    pub x: f64,
    /// Position on the axis upwards.
    pub y: f64,
    /// How far an error bar reaches up and down.
    pub spread: Option<(f64, f64)>,
    /// The row in the page's table.
    pub row: String,
    /// What it says of itself.
    pub title: String,
}

/// Horizontal bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The axis to the right.
    pub x: Axis,
    /// One group of bars a network, from the top.
    pub groups: Vec<Group>,
    /// What each colour stands for.
    pub keys: Vec<Key>,
}

/// Bars that are compared with each other.
#[derive(Clone, Debug)]
pub struct Group {
    /// What stands before it.
    pub label: String,
    /// Its bars, from the top: what each is of, and its parts.
    pub bars: Vec<(String, Vec<Part>)>,
}

/// A part of a bar.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of the part.
    pub name: String,
    /// Colour, an index into the palette of parts.
    pub colour: usize,
    /// Length, in the axis's unit.
    pub length: f64,
    /// What it says of itself.
    pub title: String,
}

/// Rows of points on one axis, one below the other.
#[derive(Clone, Debug)]
pub struct Dots {
    /// The axis to the right.
    pub x: Axis,
    /// The value on it that the others are compared with.
    pub reference: f64,
    /// The rows, from the top.
    pub rows: Vec<DotRow>,
    /// What each colour stands for.
    pub keys: Vec<Key>,
    /// What each shape stands for.
    pub shapes: Vec<(Shape, String)>,
}

/// Points that are compared with each other.
#[derive(Clone, Debug)]
pub struct DotRow {
    /// What stands above them.
    pub label: String,
    /// The points.
    pub dots: Vec<Dot>,
}

/// A point of a row.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Position on the axis.
    pub x: f64,
    /// Colour, an index into the palette.
    pub colour: usize,
    /// Its shape.
    pub shape: Shape,
    /// The row in the page's table.
    pub row: String,
    /// What it says of itself.
    pub title: String,
}
