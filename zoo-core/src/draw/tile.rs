//! Tile: one block drawn from top to bottom, to be put in a column of the expanded layout.

use super::canvas::{
    Anchor, HAIRLINE, INK, Item, JOIN_RADIUS, LINE, MUTED, PANEL, PAPER, Page, Point, Rect, Sign, Style,
};
use super::diagram::{self, Element, Node};
use crate::op::Place;
use crate::outline::{self, Block, Section};
use crate::summary::number::short;

const BAND: f64 = 17.0;
const NODE_HEIGHT: f64 = 28.0;
const STEP: f64 = 12.0;
const BRANCH_STEP: f64 = 9.0;
/// Left of the nodes, where residuals pass, and what each further one within another takes.
const LANE: f64 = 20.0;
const NEXT_LANE: f64 = 10.0;
/// Between nodes and the gates and branches at their right.
const ASIDE: f64 = 14.0;
const EDGE: f64 = 8.0;

const BAND_NAME: Style = Style::new(8.5, true, INK);
const BAND_COST: Style = Style::new(8.0, false, MUTED);
const TITLE: Style = Style::new(8.5, true, INK);
const WORDS: Style = Style::new(8.0, false, INK);
const SHAPE: Style = Style::new(8.0, false, MUTED);

/// A drawn block with its upper left corner at the origin.
pub(super) struct Tile {
    pub height: f64,
    pub items: Vec<Item>,
}

/// Widths that all tiles of a network share.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub width: f64,
    /// Where the main path runs.
    pub axis: f64,
    rails: Rails,
}

/// Widths along a path: lanes at its left, nodes, and at its right columns for gates and branches.
#[derive(Clone, Debug)]
struct Rails {
    left: f64,
    node: f64,
    /// From the inside out.
    columns: Vec<f64>,
}

impl Geometry {
    /// Widths that hold the longest words of the network.
    pub fn of(sections: &[Section<'_>]) -> Geometry {
        let mut rails = Rails { left: LANE, node: 96.0, columns: Vec::new() };
        let mut band = 0.0_f64;
        for block in sections.iter().flat_map(|section| &section.blocks) {
            rails.widen(&Rails::of(&diagram::elements(block), LANE));
            band = band.max(BAND_NAME.width(&block.name()) + BAND_COST.width(&block_costs(block)) + 12.0 + 2.0 * EDGE);
        }
        band = sections.iter().map(|one| BAND_NAME.width(&heading(one)) + 2.0 * EDGE).fold(band, f64::max);
        let left = rails.left;
        if rails.columns.is_empty() {
            let width = (left + rails.node + left).max(band);
            return Geometry { width, axis: width / 2.0, rails: Rails { node: width - 2.0 * left, ..rails } };
        }
        Geometry { width: (rails.width() + EDGE).max(band), axis: rails.axis(), rails }
    }
}

impl Rails {
    /// What a path needs; `left` is what it has at its left in any case.
    fn of(elements: &[Element], left: f64) -> Rails {
        let mut rails = Rails { left, node: 0.0, columns: Vec::new() };
        let levels = levels(elements);
        for (element, level) in elements.iter().zip(&levels) {
            match element {
                Element::Node(node) => rails.node = rails.node.max(node_width(node)),
                Element::Gate(nodes) => rails.column(0, nodes.iter().map(node_width).fold(0.0, f64::max)),
                Element::Join { sides, .. } => {
                    let (mut lane, mut column) = level.inside;
                    for side in sides {
                        if side.is_empty() {
                            lane += 1;
                            rails.left = rails.left.max(LANE + NEXT_LANE * (lane - 1) as f64);
                        } else {
                            rails.column(column, Rails::of(side, 0.0).width());
                            column += 1;
                        }
                    }
                }
            }
        }
        rails
    }

    fn column(&mut self, index: usize, width: f64) {
        self.columns.resize(self.columns.len().max(index + 1), 0.0);
        self.columns[index] = self.columns[index].max(width);
    }

    fn widen(&mut self, other: &Rails) {
        self.left = self.left.max(other.left);
        self.node = self.node.max(other.node);
        other.columns.iter().enumerate().for_each(|(index, width)| self.column(index, *width));
    }

    fn axis(&self) -> f64 {
        self.left + self.node / 2.0
    }

    fn width(&self) -> f64 {
        self.left + self.node + self.columns.iter().map(|width| ASIDE + width).sum::<f64>()
    }

    /// Left edge and width of a column.
    fn place(&self, column: usize) -> (f64, f64) {
        let before = self.columns.iter().take(column).map(|width| ASIDE + width).sum::<f64>();
        (self.left + self.node + ASIDE + before, self.columns.get(column).copied().unwrap_or(0.0))
    }
}

/// How many lanes and columns are taken.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// By what stands within a join.
    inside: (usize, usize),
    /// With its own sides.
    outside: (usize, usize),
}

/// What each element takes: sides stand outside of all that their join encloses.
fn levels(elements: &[Element]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::with_capacity(elements.len());
    for element in elements {
        levels.push(match element {
            Element::Node(_) => Level::default(),
            Element::Gate(_) => Level { inside: (0, 0), outside: (0, 1) },
            Element::Join { from, sides, .. } => {
                let enclosed = levels.get(*from..).unwrap_or_default().iter().map(|level| level.outside);
                let inside = enclosed.fold((0, 0), |most: (usize, usize), one| (most.0.max(one.0), most.1.max(one.1)));
                let empty = sides.iter().filter(|side| side.is_empty()).count();
                Level { inside, outside: (inside.0 + empty, inside.1 + sides.len() - empty) }
            }
        });
    }
    levels
}

/// The blocks of a section; the first carries the section's heading.
pub(super) fn of_section(geometry: &Geometry, section: &Section<'_>) -> Vec<Tile> {
    let tile = |(index, block): (usize, &Block<'_>)| {
        let heading = (index == 0 && matches!(section.place(), Place::Stage { .. })).then(|| heading(section));
        of_block(geometry, block, heading)
    };
    section.blocks.iter().enumerate().map(tile).collect()
}

fn heading(section: &Section<'_>) -> String {
    let cost = section.cost();
    let count = section.blocks.len();
    let blocks = if count == 1 { "1 block".into() } else { format!("{count} blocks") };
    let name = section.name().replace("stages.", "Stage ");
    format!("{name}  ·  {blocks}  ·  {}", diagram::costs(cost.params, cost.macs))
}

fn block_costs(block: &Block<'_>) -> String {
    let cost = outline::cost(block.ops);
    diagram::costs(cost.params, cost.macs)
}

fn of_block(geometry: &Geometry, block: &Block<'_>, heading: Option<String>) -> Tile {
    let mut page = Page::new(geometry.width, 0.0);
    let elements = diagram::elements(block);
    let start = if heading.is_some() { 2.0 * BAND } else { BAND } + 6.0;
    let mut pen = Pen { page: &mut page, rails: &geometry.rails, x: 0.0, end: start };
    pen.page.dot((geometry.axis, start), LINE);
    pen.path(&elements, &[]);
    let end = (geometry.axis, pen.end);
    let height = end.1 + EDGE + 2.0;
    page.line(&[end, (geometry.axis, height)], LINE, false);
    let mut framed = Page::new(geometry.width, height);
    frame(&mut framed, height, block, heading);
    framed.items.append(&mut page.items);
    Tile { height, items: framed.items }
}

/// The ground of a tile, with its name and cost.
fn frame(page: &mut Page, height: f64, block: &Block<'_>, heading: Option<String>) {
    let width = page.width;
    page.ground(Rect { x: 0.0, y: 0.0, w: width, h: height }, 6.0, PANEL, Some(HAIRLINE));
    let mut y = 0.0;
    if let Some(words) = heading {
        page.ground(Rect { x: 0.0, y, w: width, h: BAND }, 6.0, INK, None);
        page.text((EDGE, y + 11.8), Anchor::Start, Style { color: PAPER, ..BAND_NAME }, words);
        y += BAND;
    }
    page.text((EDGE, y + 12.5), Anchor::Start, BAND_NAME, block.name());
    page.text((width - EDGE, y + 12.5), Anchor::End, BAND_COST, block_costs(block));
}

/// Draws the elements of a path one below the other.
struct Pen<'a> {
    page: &'a mut Page,
    rails: &'a Rails,
    /// Left edge of the rails.
    x: f64,
    /// Lower edge of the element before.
    end: f64,
}

impl Pen<'_> {
    /// Draws the path; `lead` is the line to its first element where that is not straight.
    fn path(&mut self, elements: &[Element], lead: &[Point]) {
        let levels = levels(elements);
        let mut lead = lead.to_vec();
        // Height at which each element's input can be tapped.
        let mut taps: Vec<f64> = Vec::with_capacity(elements.len());
        for (element, level) in elements.iter().zip(&levels) {
            taps.push(if taps.is_empty() { self.end } else { self.end + 3.5 });
            match element {
                Element::Node(node) => {
                    let top = self.arrow_to(self.end + STEP, &lead);
                    let rect = Rect { x: self.x + self.rails.left, y: top, w: self.rails.node, h: NODE_HEIGHT };
                    draw_node(self.page, rect, node);
                    self.end = top + NODE_HEIGHT;
                }
                Element::Gate(branch) => self.gate(branch, &lead),
                Element::Join { from, sign, sides } => {
                    let tap = taps.get(*from).copied().unwrap_or(self.end);
                    self.join(tap, (*sign, sides.as_slice()), level.inside, &lead);
                }
            }
            lead.clear();
        }
    }

    fn axis(&self) -> f64 {
        self.x + self.rails.axis()
    }

    fn arrow_to(&mut self, top: f64, lead: &[Point]) -> f64 {
        let axis = self.axis();
        let straight = [(axis, self.end)];
        let from: &[Point] = if lead.is_empty() { &straight } else { lead };
        self.page.line(&[from, &[(axis, top)]].concat(), LINE, true);
        top
    }

    /// The branch at the right, down to the join.
    fn gate(&mut self, branch: &[Node], lead: &[Point]) {
        let axis = self.axis();
        let (left, width) = self.rails.place(0);
        let (x, center) = (self.x + left, self.x + left + width / 2.0);
        let tap = self.end + 5.0;
        let mut y = tap + BRANCH_STEP;
        let mut from: Vec<Point> = vec![(axis, tap), (center, tap)];
        for node in branch {
            from.push((center, y));
            self.page.line(&from, LINE, true);
            draw_node(self.page, Rect { x, y, w: width, h: NODE_HEIGHT }, node);
            from = vec![(center, y + NODE_HEIGHT)];
            y += NODE_HEIGHT + BRANCH_STEP;
        }
        let join = y + 1.0;
        from.extend([(center, join), (axis + JOIN_RADIUS, join)]);
        self.page.line(&from, LINE, true);
        self.arrow_to(join - JOIN_RADIUS, lead);
        self.page.dot((axis, tap), LINE);
        self.page.join((axis, join), Sign::Times, LINE);
        self.end = join + JOIN_RADIUS;
    }

    /// Other branches at the right, values that come over as they are at the left, all down to the join.
    fn join(&mut self, tap: f64, (sign, sides): (Sign, &[Vec<Element>]), inside: (usize, usize), lead: &[Point]) {
        let axis = self.axis();
        let (mut lanes, mut ends) = (inside.0, Vec::new());
        for side in sides.iter().filter(|side| !side.is_empty()) {
            ends.push(self.side(tap, side, inside.1 + ends.len()));
        }
        let lowest = ends.iter().map(|(_, end)| end + BRANCH_STEP + 1.0).fold(self.end + STEP + JOIN_RADIUS, f64::max);
        let join = self.arrow_to(lowest - JOIN_RADIUS, lead) + JOIN_RADIUS;
        for end in ends {
            self.page.line(&[end, (end.0, join), (axis + JOIN_RADIUS, join)], sign.color(), true);
        }
        for _ in sides.iter().filter(|side| side.is_empty()) {
            lanes += 1;
            let lane = self.x + self.rails.left - LANE / 2.0 - NEXT_LANE * (lanes - 1) as f64;
            let path = [(axis, tap), (lane, tap), (lane, join), (axis - JOIN_RADIUS, join)];
            self.page.line(&path, sign.color(), true);
        }
        self.page.dot((axis, tap), sign.color());
        self.page.join((axis, join), sign, sign.color());
        self.end = join + JOIN_RADIUS;
    }

    /// A branch in a column of its own, and where it ends.
    fn side(&mut self, tap: f64, side: &[Element], column: usize) -> Point {
        let (left, width) = self.rails.place(column);
        let mut rails = Rails::of(side, 0.0);
        // Nodes fill the column.
        rails.node += width - rails.width();
        let lead = [(self.axis(), tap), (self.x + left + rails.axis(), tap)];
        let mut pen = Pen { page: &mut *self.page, rails: &rails, x: self.x + left, end: tap };
        pen.path(side, &lead);
        (pen.axis(), pen.end)
    }
}

fn params(node: &Node) -> String {
    if node.params == 0 { String::new() } else { short(node.params) }
}

fn node_width(node: &Node) -> f64 {
    let upper = TITLE.width(&node.title) + SHAPE.width(&diagram::dimensions(node.shape));
    let lower = WORDS.width(&node.words) + SHAPE.width(&params(node));
    upper.max(lower) + 10.0 + 14.0
}

/// Name and shape above, operation and parameters below.
fn draw_node(page: &mut Page, rect: Rect, node: &Node) {
    page.node(rect, node.kind.fill(), node.kind.stroke());
    let (left, right) = (rect.x + 7.0, rect.x + rect.w - 7.0);
    page.text((left, rect.y + 11.5), Anchor::Start, TITLE, node.title.clone());
    page.text((right, rect.y + 11.5), Anchor::End, SHAPE, diagram::dimensions(node.shape));
    page.text((left, rect.y + 22.0), Anchor::Start, WORDS, node.words.clone());
    if node.params > 0 {
        page.text((right, rect.y + 22.0), Anchor::End, SHAPE, params(node));
    }
}
