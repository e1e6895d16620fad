//! Tile: one block drawn from top to bottom, to be put in a column of the expanded layout.

use super::canvas::{
    Anchor, HAIRLINE, INK, Item, JOIN_RADIUS, LINE, MUTED, PANEL, PAPER, Page, Point, RESIDUAL, Rect, Sign, Style,
};
use super::diagram::{self, Element, Node};
use crate::op::Place;
use crate::outline::{self, Block, Section};
use crate::summary::number::short;

const BAND: f64 = 17.0;
const NODE_HEIGHT: f64 = 28.0;
const STEP: f64 = 12.0;
const BRANCH_STEP: f64 = 9.0;
/// Left of the nodes, where residuals pass.
const LANE: f64 = 20.0;
/// Between nodes and the gates at their right.
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub width: f64,
    /// Where the main path runs.
    pub axis: f64,
    node: f64,
    branch: f64,
}

impl Geometry {
    /// Widths that hold the longest words of the network.
    pub fn of(sections: &[Section<'_>]) -> Geometry {
        let (mut node, mut branch, mut band) = (96.0_f64, 0.0_f64, 0.0_f64);
        for block in sections.iter().flat_map(|section| &section.blocks) {
            for element in diagram::elements(block) {
                match element {
                    Element::Node(one) => node = node.max(node_width(&one)),
                    Element::Gate(nodes) => branch = nodes.iter().map(node_width).fold(branch, f64::max),
                    Element::Add { .. } => {}
                }
            }
            band = band.max(BAND_NAME.width(&block.name()) + BAND_COST.width(&block_costs(block)) + 12.0 + 2.0 * EDGE);
        }
        band = sections.iter().map(|one| BAND_NAME.width(&heading(one)) + 2.0 * EDGE).fold(band, f64::max);
        if branch == 0.0 {
            let width = (LANE + node + LANE).max(band);
            return Geometry { width, axis: width / 2.0, node: width - 2.0 * LANE, branch };
        }
        Geometry { width: (LANE + node + ASIDE + branch + EDGE).max(band), axis: LANE + node / 2.0, node, branch }
    }
}

/// The blocks of a section; the first carries the section's heading.
pub(super) fn of_section(geometry: Geometry, section: &Section<'_>) -> Vec<Tile> {
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

fn of_block(geometry: Geometry, block: &Block<'_>, heading: Option<String>) -> Tile {
    let mut page = Page::new(geometry.width, 0.0);
    let elements = diagram::elements(block);
    let start = if heading.is_some() { 2.0 * BAND } else { BAND } + 6.0;
    let mut pen = Pen { page: &mut page, geometry, end: start, taps: Vec::new() };
    for element in &elements {
        pen.draw(element);
    }
    let height = pen.end + EDGE + 2.0;
    let end = (geometry.axis, pen.end);
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

/// Draws a block's elements one below the other.
struct Pen<'a> {
    page: &'a mut Page,
    geometry: Geometry,
    /// Lower edge of the element before.
    end: f64,
    /// Height at which each element's input can be tapped.
    taps: Vec<f64>,
}

impl Pen<'_> {
    fn draw(&mut self, element: &Element) {
        if self.taps.is_empty() {
            self.page.dot((self.geometry.axis, self.end), LINE);
            self.taps.push(self.end);
        } else {
            self.taps.push(self.end + 3.5);
        }
        match element {
            Element::Node(node) => {
                let top = self.arrow_to(self.end + STEP);
                let rect = Rect { x: LANE, y: top, w: self.geometry.node, h: NODE_HEIGHT };
                draw_node(self.page, rect, node);
                self.end = top + NODE_HEIGHT;
            }
            Element::Gate(branch) => self.gate(branch),
            Element::Add { from } => self.add(*from),
        }
    }

    fn arrow_to(&mut self, top: f64) -> f64 {
        let axis = self.geometry.axis;
        self.page.line(&[(axis, self.end), (axis, top)], LINE, true);
        top
    }

    /// The branch at the right, down to the join.
    fn gate(&mut self, branch: &[Node]) {
        let axis = self.geometry.axis;
        let x = LANE + self.geometry.node + ASIDE;
        let center = x + self.geometry.branch / 2.0;
        let tap = self.end + 5.0;
        let mut y = tap + BRANCH_STEP;
        let mut from: Vec<Point> = vec![(axis, tap), (center, tap)];
        for node in branch {
            from.push((center, y));
            self.page.line(&from, LINE, true);
            draw_node(self.page, Rect { x, y, w: self.geometry.branch, h: NODE_HEIGHT }, node);
            from = vec![(center, y + NODE_HEIGHT)];
            y += NODE_HEIGHT + BRANCH_STEP;
        }
        let join = y + 1.0;
        from.extend([(center, join), (axis + JOIN_RADIUS, join)]);
        self.page.line(&from, LINE, true);
        self.arrow_to(join - JOIN_RADIUS);
        self.page.dot((axis, tap), LINE);
        self.page.join((axis, join), Sign::Times, LINE);
        self.end = join + JOIN_RADIUS;
    }

    /// The residual at the left, down to the join.
    fn add(&mut self, from: usize) {
        let axis = self.geometry.axis;
        let top = self.arrow_to(self.end + STEP);
        let join = top + JOIN_RADIUS;
        let tap = self.taps.get(from).copied().unwrap_or(self.end);
        let lane = LANE / 2.0;
        let path = [(axis, tap), (lane, tap), (lane, join), (axis - JOIN_RADIUS, join)];
        self.page.line(&path, RESIDUAL, true);
        self.page.dot((axis, tap), RESIDUAL);
        self.page.join((axis, join), Sign::Plus, RESIDUAL);
        self.end = join + JOIN_RADIUS;
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
