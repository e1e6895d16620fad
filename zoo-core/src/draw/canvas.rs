//! Canvas: pages of boxes, lines, signs and labels in points, which the SVG and PDF writers put down as they are.

use super::metrics;

/// An RGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color(pub u8, pub u8, pub u8);

pub(super) const PAPER: Color = Color(0xFF, 0xFF, 0xFF);
pub(super) const INK: Color = Color(0x1D, 0x27, 0x33);
pub(super) const MUTED: Color = Color(0x5A, 0x66, 0x75);
pub(super) const LINE: Color = Color(0x5A, 0x66, 0x75);
pub(super) const HAIRLINE: Color = Color(0xCB, 0xD2, 0xDA);
pub(super) const PANEL: Color = Color(0xF5, 0xF7, 0xF9);
pub(super) const BAR: Color = Color(0xE1, 0xE6, 0xEB);
pub(super) const RESIDUAL: Color = Color(0x8A, 0x4F, 0x9E);

/// A rectangle from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

/// A point, x to the right and y down.
pub(super) type Point = (f64, f64);

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A layer: nothing may touch it but its own words and the ends of arrows.
    Node,
    /// A frame, band or bar below other things.
    Ground,
}

/// Which point of a text its coordinates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The operation of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Times,
    /// Two bars: concatenation.
    Concat,
}

/// Something to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Box { rect: Rect, radius: f64, fill: Color, stroke: Option<Color>, role: Role },
    Line { points: Vec<Point>, color: Color, width: f64, arrow: bool },
    Dot { center: Point, radius: f64, color: Color },
    Join { center: Point, sign: Sign, color: Color },
    Text { at: Point, anchor: Anchor, size: f64, bold: bool, color: Color, words: String },
}

/// Radius of a join's circle.
pub(super) const JOIN_RADIUS: f64 = 6.5;
/// Radius of a line's corners.
pub(super) const CORNER: f64 = 5.0;
/// Length and half width of an arrow's head.
pub(super) const HEAD: (f64, f64) = (5.5, 2.8);

/// A sheet, and what is on it, the lowest first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub width: f64,
    pub height: f64,
    pub items: Vec<Item>,
}

/// A stretch of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Segment {
    Move(Point),
    Line(Point),
    /// A cubic curve: two control points and the end.
    Curve(Point, Point, Point),
}

/// How a label looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub size: f64,
    pub bold: bool,
    pub color: Color,
}

impl Style {
    pub const fn new(size: f64, bold: bool, color: Color) -> Style {
        Style { size, bold, color }
    }

    pub fn width(&self, words: &str) -> f64 {
        metrics::width(words, self.size, self.bold)
    }
}

impl Page {
    pub fn new(width: f64, height: f64) -> Page {
        Page { width, height, items: Vec::new() }
    }

    pub fn text(&mut self, at: Point, anchor: Anchor, style: Style, words: impl Into<String>) {
        let Style { size, bold, color } = style;
        self.items.push(Item::Text { at, anchor, size, bold, color, words: metrics::printable(&words.into()) });
    }

    pub fn ground(&mut self, rect: Rect, radius: f64, fill: Color, stroke: Option<Color>) {
        self.items.push(Item::Box { rect, radius, fill, stroke, role: Role::Ground });
    }

    pub fn node(&mut self, rect: Rect, fill: Color, stroke: Color) {
        self.items.push(Item::Box { rect, radius: 4.0, fill, stroke: Some(stroke), role: Role::Node });
    }

    pub fn line(&mut self, points: &[Point], color: Color, arrow: bool) {
        self.items.push(Item::Line { points: points.to_vec(), color, width: 1.1, arrow });
    }

    pub fn hairline(&mut self, from: Point, to: Point) {
        self.items.push(Item::Line { points: vec![from, to], color: HAIRLINE, width: 0.8, arrow: false });
    }

    pub fn dot(&mut self, center: Point, color: Color) {
        self.items.push(Item::Dot { center, radius: 1.9, color });
    }

    pub fn join(&mut self, center: Point, sign: Sign, color: Color) {
        self.items.push(Item::Join { center, sign, color });
    }

    /// Puts down items that were laid out elsewhere, moved by `by`.
    pub fn place(&mut self, items: &[Item], by: Point) {
        self.items.extend(items.iter().map(|item| item.moved(by)));
    }
}

impl Item {
    fn moved(&self, (dx, dy): Point) -> Item {
        let shift = |(x, y): Point| (x + dx, y + dy);
        let mut item = self.clone();
        match &mut item {
            Item::Box { rect, .. } => (rect.x, rect.y) = shift((rect.x, rect.y)),
            Item::Line { points, .. } => points.iter_mut().for_each(|point| *point = shift(*point)),
            Item::Dot { center: at, .. } | Item::Join { center: at, .. } | Item::Text { at, .. } => *at = shift(*at),
        }
        item
    }
}

/// The outline of a line with round corners, and, for an arrow, the three corners of its head.
pub(super) fn outline(points: &[Point], arrow: bool) -> (Vec<Segment>, Option<[Point; 3]>) {
    let mut points = points.to_vec();
    let head = if arrow { head(&mut points) } else { None };
    let Some((&first, rest)) = points.split_first() else {
        return (Vec::new(), None);
    };
    let mut segments = vec![Segment::Move(first)];
    for index in 0..rest.len() {
        let corner = rest[index];
        let Some(&next) = rest.get(index + 1) else {
            segments.push(Segment::Line(corner));
            continue;
        };
        let before = if index == 0 { first } else { rest[index - 1] };
        let radius = CORNER.min(distance(before, corner) / 2.0).min(distance(corner, next) / 2.0);
        let (enter, leave) = (towards(corner, before, radius), towards(corner, next, radius));
        // Control points at 0.55 of the way make a quarter circle.
        let pull = |from| towards(from, corner, radius * 0.55);
        segments.push(Segment::Line(enter));
        segments.push(Segment::Curve(pull(enter), pull(leave), leave));
    }
    (segments, head)
}

/// A rectangle with round corners as an outline.
pub(super) fn rounded(rect: Rect, radius: f64) -> Vec<Segment> {
    let Rect { x, y, w, h } = rect;
    let r = radius.min(w / 2.0).min(h / 2.0);
    let k = r * 0.448; // distance of the control points from the corner
    let (right, bottom) = (x + w, y + h);
    vec![
        Segment::Move((x + r, y)),
        Segment::Line((right - r, y)),
        Segment::Curve((right - k, y), (right, y + k), (right, y + r)),
        Segment::Line((right, bottom - r)),
        Segment::Curve((right, bottom - k), (right - k, bottom), (right - r, bottom)),
        Segment::Line((x + r, bottom)),
        Segment::Curve((x + k, bottom), (x, bottom - k), (x, bottom - r)),
        Segment::Line((x, y + r)),
        Segment::Curve((x, y + k), (x + k, y), (x + r, y)),
    ]
}

/// Where a join's sign has its two strokes.
pub(super) fn strokes((x, y): Point, sign: Sign) -> [[Point; 2]; 2] {
    match sign {
        Sign::Plus => [[(x - 3.2, y), (x + 3.2, y)], [(x, y - 3.2), (x, y + 3.2)]],
        Sign::Concat => [[(x - 1.7, y - 3.2), (x - 1.7, y + 3.2)], [(x + 1.7, y - 3.2), (x + 1.7, y + 3.2)]],
        Sign::Times => [[(x - 2.4, y - 2.4), (x + 2.4, y + 2.4)], [(x - 2.4, y + 2.4), (x + 2.4, y - 2.4)]],
    }
}

fn head(points: &mut [Point]) -> Option<[Point; 3]> {
    let [.., before, tip] = points else {
        return None;
    };
    let (length, half) = HEAD;
    let end = *tip;
    let base = towards(end, *before, length);
    let (ux, uy) = ((end.0 - base.0) / length, (end.1 - base.1) / length);
    // The line ends inside the head, so that no gap shows.
    *tip = towards(end, *before, length * 0.6);
    Some([end, (base.0 - uy * half, base.1 + ux * half), (base.0 + uy * half, base.1 - ux * half)])
}

fn distance(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn towards(from: Point, to: Point, by: f64) -> Point {
    let length = distance(from, to);
    if length == 0.0 {
        return from;
    }
    (from.0 + (to.0 - from.0) * by / length, from.1 + (to.1 - from.1) * by / length)
}
