//! Overview: the layout with one row a stage, where blocks that do the same are drawn once.
//!
//! At the left of a row stands a card with the stage's figures, at the right what its blocks are made of. Layers of the
//! same name stand below each other across stages, so that the eye finds what one stage has and another has not.

use super::canvas::{Anchor, BAR, HAIRLINE, INK, JOIN_RADIUS, LINE, MUTED, PANEL, PAPER, Page, Point, Rect, Style};
use super::diagram::{self, Element, Node};
use super::header::{self, Joins, MARGIN, TITLE_HEIGHT};
use crate::op::{Cost, Place};
use crate::outline::{self, Block, Section};
use crate::summary::Named;
use crate::summary::number::{percent, short};

const CARD: f64 = 220.0;
const CARD_HEIGHT: f64 = 70.0;
const GAP: f64 = 15.0;
/// Room for the names of blocks.
const GUTTER: f64 = 74.0;
const CHIP_HEIGHT: f64 = 40.0;
const CHIP_GAP: f64 = 19.0;
/// Room above chips for a residual.
const LANE: f64 = 14.0;
/// Between chips and those of a branch above them.
const SIDE_GAP: f64 = 8.0;
/// Between strips, and between them and the row's edge.
const PADDING: f64 = 10.0;
const PILL: Rect = Rect { x: MARGIN + CARD / 2.0 - 66.0, y: 0.0, w: 132.0, h: 19.0 };

const STAGE: Style = Style::new(12.0, true, INK);
const SHAPE: Style = Style::new(9.5, true, INK);
const DETAIL: Style = Style::new(8.5, false, MUTED);
const FIGURE: Style = Style::new(8.5, false, INK);
const CHIP_TITLE: Style = Style::new(8.5, true, INK);
const CHIP_WORDS: Style = Style::new(8.0, false, INK);
const CHIP_SHAPE: Style = Style::new(8.0, false, MUTED);

/// One line of chips: a run of blocks that do the same.
struct Strip {
    label: String,
    elements: Vec<Element>,
    /// Left edge and width of each element, from the left of the strip.
    spans: Vec<(f64, f64)>,
}

/// Lays out the whole network on one page.
pub(super) fn layout(named: Named<'_>) -> Page {
    let sections = outline::sections(named.plan);
    let mut rows: Vec<Vec<Strip>> = sections.iter().map(strips).collect();
    place_in_columns(&mut rows);
    let right = rows.iter().flatten().map(Strip::width).fold(0.0, f64::max);
    let width = (MARGIN + CARD + GUTTER + right + PADDING + 6.0 + MARGIN).max(header::least_width(named));
    let heights: Vec<f64> = rows.iter().map(|strips| row_height(strips)).collect();
    let rows_height = heights.iter().map(|height| height + GAP).sum::<f64>();
    let top = MARGIN + TITLE_HEIGHT + 4.0;
    let height = top + PILL.h + GAP + rows_height + PILL.h + 24.0 + MARGIN;
    let mut page = Page::new(width, height);
    header::title(&mut page, named, Joins::Residuals);
    pill(&mut page, top, &format!("image  {}", diagram::dimensions(named.plan.input)));
    let mut y = top + PILL.h;
    for ((section, strips), height) in sections.iter().zip(&rows).zip(heights) {
        step(&mut page, y);
        y += GAP;
        row(&mut page, Rect { x: MARGIN, y, w: width - 2.0 * MARGIN, h: height }, section, strips, named.plan.cost);
        y += height;
    }
    step(&mut page, y);
    let classes = named.plan.options.classes;
    pill(&mut page, y + GAP, &format!("{classes} {}", if classes == 1 { "output" } else { "classes" }));
    footnote(&mut page);
    page
}

/// The strips of a section, with each strip's elements one behind the other.
fn strips(section: &Section<'_>) -> Vec<Strip> {
    let mut first = 0;
    let runs = section.runs().into_iter().map(|run| {
        let label = match (section.blocks.len(), run.len()) {
            (1, _) => String::new(),
            (_, 1) => format!("block {first}"),
            (_, count) => format!("blocks {first}–{}", first + count - 1),
        };
        first += run.len();
        let elements = diagram::elements(&run[0]);
        Strip { label, spans: natural(&elements), elements }
    });
    runs.collect()
}

/// Gives the strips of stages common columns, as far as their layers come in the order of the longest strip.
fn place_in_columns(rows: &mut [Vec<Strip>]) {
    let Some(longest) = rows.iter().flatten().max_by_key(|strip| strip.elements.len()) else {
        return;
    };
    let keys: Vec<String> = longest.elements.iter().map(|element| element.key().to_string()).collect();
    let mut widths = vec![0.0; keys.len()];
    for strip in rows.iter().flatten() {
        for (column, element) in strip.columns(&keys).unwrap_or_default().into_iter().zip(&strip.elements) {
            widths[column] = element_width(element).max(widths[column]);
        }
    }
    let columns = spans(&widths);
    for strip in rows.iter_mut().flatten() {
        let Some(chosen) = strip.columns(&keys) else { continue };
        let chosen: Vec<(f64, f64)> = chosen.into_iter().map(|column| columns[column]).collect();
        if have_room(&strip.elements, &chosen) {
            strip.spans = chosen;
        }
    }
}

fn spans(widths: &[f64]) -> Vec<(f64, f64)> {
    let mut x = CHIP_GAP;
    let span = |&width: &f64| {
        let left = x;
        x += width + CHIP_GAP;
        (left, width)
    };
    widths.iter().map(span).collect()
}

/// Elements one behind the other, joins as far off as the longest of their sides wants.
fn natural(elements: &[Element]) -> Vec<(f64, f64)> {
    let mut placed: Vec<(f64, f64)> = Vec::with_capacity(elements.len());
    for element in elements {
        let behind = placed.last().map_or(0.0, |(left, width)| left + width) + CHIP_GAP;
        let least = side_room(element).map_or(0.0, |(from, room)| tap(&placed, from) + room - JOIN_RADIUS);
        placed.push((behind.max(least), element_width(element)));
    }
    placed
}

/// Whether the sides of joins fit between where they begin and where they end.
fn have_room(elements: &[Element], spans: &[(f64, f64)]) -> bool {
    elements.iter().zip(spans).all(|(element, (left, width))| {
        side_room(element).is_none_or(|(from, room)| tap(spans, from) + room <= left + width / 2.0)
    })
}

/// Where the sides of a join begin, and the room that the longest of them wants.
fn side_room(element: &Element) -> Option<(usize, f64)> {
    let Element::Join { from, sides, .. } = element else { return None };
    let ends = sides.iter().filter_map(|side| natural(side).last().copied());
    Some((*from, ends.map(|(left, width)| left + width + CHIP_GAP).reduce(f64::max)?))
}

/// Where the value in front of an element leaves the path: the middle of the line in front of it.
fn tap(spans: &[(f64, f64)], element: usize) -> f64 {
    match element.checked_sub(1).and_then(|before| spans.get(before)) {
        Some((left, width)) => left + width + 4.0,
        None => 0.0,
    }
}

/// How far the elements reach above the middle of their line.
fn reach(elements: &[Element]) -> f64 {
    reaches(elements).into_iter().fold(CHIP_HEIGHT / 2.0, f64::max)
}

/// The same of each element, joins with their sides.
fn reaches(elements: &[Element]) -> Vec<f64> {
    let mut reaches = Vec::with_capacity(elements.len());
    for element in elements {
        let reach = match element {
            Element::Join { from, sides, .. } => {
                let below = within(&reaches, *from);
                sides.iter().fold(below, |below, side| side_middle(below, side) + side_reach(side))
            }
            Element::Node(_) | Element::Gate(_) => CHIP_HEIGHT / 2.0,
        };
        reaches.push(reach);
    }
    reaches
}

/// How far what stands between the element at `from` and the next one to come reaches above.
fn within(reaches: &[f64], from: usize) -> f64 {
    reaches.get(from..).unwrap_or_default().iter().copied().fold(CHIP_HEIGHT / 2.0, f64::max)
}

/// How far above the path the line of a side lies, over what already reaches to `below`.
fn side_middle(below: f64, side: &[Element]) -> f64 {
    if side.is_empty() { below + LANE - 5.0 } else { below + SIDE_GAP + CHIP_HEIGHT / 2.0 }
}

/// How far a side reaches above its own line.
fn side_reach(side: &[Element]) -> f64 {
    if side.is_empty() { 5.0 } else { reach(side) }
}

fn element_width(element: &Element) -> f64 {
    match element {
        Element::Node(node) => chip_width(node),
        Element::Gate(branch) => chip_width(&diagram::gate_node(branch)),
        Element::Join { .. } => 2.0 * JOIN_RADIUS,
    }
}

fn chip_width(node: &Node) -> f64 {
    let lines = [
        CHIP_TITLE.width(&node.title),
        CHIP_WORDS.width(&node.words),
        CHIP_SHAPE.width(&diagram::dimensions(node.shape)),
    ];
    lines.into_iter().fold(60.0, f64::max) + 20.0
}

fn row_height(strips: &[Strip]) -> f64 {
    let content: f64 = strips.iter().map(|strip| strip.height() + PADDING).sum();
    (content + PADDING).max(CARD_HEIGHT)
}

impl Strip {
    /// Height with what passes above.
    fn height(&self) -> f64 {
        reach(&self.elements) + CHIP_HEIGHT / 2.0
    }

    fn width(&self) -> f64 {
        self.spans.last().map_or(0.0, |(x, width)| x + width)
    }

    /// The column of each element, if the elements come in the order of the columns.
    fn columns(&self, keys: &[String]) -> Option<Vec<usize>> {
        let mut next = 0;
        let find = |element: &Element| {
            let found = next + keys[next..].iter().position(|key| key == element.key())?;
            next = found + 1;
            Some(found)
        };
        self.elements.iter().map(find).collect()
    }
}

fn row(page: &mut Page, area: Rect, section: &Section<'_>, strips: &[Strip], total: Cost) {
    page.ground(area, 7.0, PANEL, Some(HAIRLINE));
    page.ground(Rect { w: CARD, ..area }, 7.0, PAPER, Some(HAIRLINE));
    card(page, area, section, total);
    let content = strips.iter().map(|strip| strip.height() + PADDING).sum::<f64>() - PADDING;
    let x = area.x + CARD;
    let mut y = area.y + (area.h - content) / 2.0;
    for line in strips {
        let chips = y + line.height() - CHIP_HEIGHT;
        strip(page, (x + GUTTER, chips), line);
        page.text((x + 12.0, chips + CHIP_HEIGHT / 2.0 + 3.0), Anchor::Start, DETAIL, line.label.clone());
        y += line.height() + PADDING;
    }
}

fn card(page: &mut Page, area: Rect, section: &Section<'_>, total: Cost) {
    let (left, right) = (area.x + 11.0, area.x + CARD - 11.0);
    let y = area.y + (area.h - CARD_HEIGHT) / 2.0;
    let heading = match section.place() {
        Place::Stage { stage, .. } => format!("Stage {stage}"),
        Place::Stem => "Stem".into(),
        Place::Head => "Head".into(),
        Place::Top => "Top".into(),
    };
    if section.blocks.len() > 1 {
        let at = (left + STAGE.width(&heading) + 8.0, y + 19.0);
        page.text(at, Anchor::Start, DETAIL, format!("× {} blocks", section.blocks.len()));
    }
    page.text((left, y + 19.0), Anchor::Start, STAGE, heading);
    page.text((right, y + 19.0), Anchor::End, SHAPE, diagram::dimensions(section.output()));
    page.text((left, y + 32.0), Anchor::Start, DETAIL, description(section));
    let cost = section.cost();
    bar(page, (left, y + 46.0), right, "params", (cost.params, total.params));
    bar(page, (left, y + 59.0), right, "MACs", (cost.macs, total.macs));
}

/// `5 × 5, stride 2`; the kernels of different blocks one after the other.
fn description(section: &Section<'_>) -> String {
    let mut kernels: Vec<u32> = section.blocks.iter().filter_map(Block::kernel).collect();
    kernels.sort_unstable();
    kernels.dedup();
    if kernels.is_empty() || section.place() == Place::Top {
        return "pooling and classifier".into();
    }
    let kernels: Vec<String> = kernels.iter().map(|kernel| format!("{kernel} × {kernel}")).collect();
    let stride: u32 = section.blocks.iter().map(Block::stride).product();
    format!("kernel {}  ·  stride {stride}", kernels.join(" and "))
}

/// A figure with its share of the network as a bar.
fn bar(page: &mut Page, (left, y): (f64, f64), right: f64, word: &str, (part, whole): (u64, u64)) {
    let share = percent(part, whole);
    page.text((left, y), Anchor::Start, DETAIL, word);
    page.text((left + 72.0, y), Anchor::End, FIGURE, short(part));
    let track = Rect { x: left + 80.0, y: y - 6.0, w: right - 36.0 - left - 80.0, h: 5.0 };
    page.ground(track, 2.5, BAR, None);
    let filled = track.w * share / 100.0;
    if filled > 0.5 {
        page.ground(Rect { w: filled, ..track }, 2.5, MUTED, None);
    }
    page.text((right, y), Anchor::End, FIGURE, share_words(share));
}

/// A share in percent; what would round to nothing is told from nothing.
fn share_words(share: f64) -> String {
    if share > 0.0 && share < 0.05 { "< 0.1 %".into() } else { format!("{share:.1} %") }
}

/// Chips in a line, with arrows between, residuals and other branches above.
fn strip(page: &mut Page, (x, y): Point, strip: &Strip) {
    let middle = y + CHIP_HEIGHT / 2.0;
    page.dot((x, middle), LINE);
    path(page, &[(x, middle)], &strip.elements, &strip.spans);
}

/// Elements from the end of `lead` on, which is the line that leads to the first of them.
fn path(page: &mut Page, lead: &[Point], elements: &[Element], spans: &[(f64, f64)]) -> Point {
    let (x, middle) = lead[lead.len() - 1];
    let reaches = reaches(elements);
    let mut end = x;
    for (index, (element, &(left, width))) in elements.iter().zip(spans).enumerate() {
        let (left, center) = (x + left, x + left + width / 2.0);
        if index == 0 {
            page.line(&[lead, &[(left, middle)]].concat(), LINE, true);
        } else {
            page.line(&[(end, middle), (left, middle)], LINE, true);
        }
        let rect = Rect { x: left, y: middle - CHIP_HEIGHT / 2.0, w: width, h: CHIP_HEIGHT };
        match element {
            Element::Node(node) => chip(page, rect, node),
            Element::Gate(branch) => chip(page, rect, &diagram::gate_node(branch)),
            Element::Join { from, sign, sides } => {
                let start = x + tap(spans, *from);
                let mut below = within(&reaches[..index], *from);
                for side in sides {
                    let lane = middle - side_middle(below, side);
                    below = middle - lane + side_reach(side);
                    let turn = [(start, middle), (start, lane)];
                    let mut arc =
                        if side.is_empty() { turn.to_vec() } else { vec![path(page, &turn, side, &natural(side))] };
                    arc.extend([(center, lane), (center, middle - JOIN_RADIUS)]);
                    page.line(&arc, sign.color(), true);
                }
                page.dot((start, middle), sign.color());
                page.join((center, middle), *sign, sign.color());
            }
        }
        end = left + width;
    }
    (end, middle)
}

fn chip(page: &mut Page, rect: Rect, node: &Node) {
    page.node(rect, node.kind.fill(), node.kind.stroke());
    let center = rect.x + rect.w / 2.0;
    page.text((center, rect.y + 12.5), Anchor::Middle, CHIP_TITLE, node.title.clone());
    page.text((center, rect.y + 23.0), Anchor::Middle, CHIP_WORDS, node.words.clone());
    page.text((center, rect.y + 33.5), Anchor::Middle, CHIP_SHAPE, diagram::dimensions(node.shape));
}

fn pill(page: &mut Page, y: f64, words: &str) {
    page.ground(Rect { y, ..PILL }, PILL.h / 2.0, INK, None);
    let style = Style { color: PAPER, ..SHAPE };
    page.text((PILL.x + PILL.w / 2.0, y + 13.0), Anchor::Middle, style, words);
}

/// The arrow from one row to the next.
fn step(page: &mut Page, y: f64) {
    let x = MARGIN + CARD / 2.0;
    page.line(&[(x, y), (x, y + GAP)], LINE, true);
}

fn footnote(page: &mut Page) {
    let at = (page.width - MARGIN, page.height - MARGIN);
    let words = "Shapes are channels × height × width. MACs: convolutions and linear layers, one image. BN: batch \
                 normalisation.";
    page.text(at, Anchor::End, DETAIL, words);
}
