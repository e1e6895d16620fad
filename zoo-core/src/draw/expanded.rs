//! Expanded layout: every block with all its layers, flowing down columns like text.
//!
//! A block is a tile of fixed width: its main path runs down, residuals pass at the left, gates and other branches run at
//! the right.
//! Tiles fill columns, columns fill pages; `tile` draws a tile, this module finds its place.

use super::canvas::{Anchor, INK, LINE, MUTED, PAPER, Page, Point, Rect, Style};
use super::diagram;
use super::header::{self, Joins, MARGIN, RUNNING_HEIGHT, TITLE_HEIGHT};
use super::pdf::Paper;
use super::tile::{self, Geometry, Tile};
use crate::outline;
use crate::summary::Named;

/// Between the tiles of a column.
const GAP: f64 = 17.0;
/// Between columns, where the line to the next one runs.
const GUTTER: f64 = 30.0;
/// Above and below a column: the line to the next one turns here.
const TURN: f64 = 14.0;
const PILL_HEIGHT: f64 = 19.0;
/// Width by height that a single image aims at.
const ASPECT: f64 = 1.5;
/// Drawn this much smaller than a sheet of paper, so that more of a network is seen at once.
const PAPER_SCALE: f64 = 0.8;

const NOTE: Style = Style::new(8.5, false, MUTED);

/// Tiles one below the other; input and output are tiles too.
struct Column<'a> {
    items: Vec<&'a Tile>,
}

/// The whole network on one sheet, of as many columns as make it about half as wide again as high.
pub(super) fn sheet(named: Named<'_>) -> Page {
    let (geometry, tiles) = tiles(named);
    let total: f64 = tiles.iter().map(|tile| tile.height + GAP).sum();
    let tallest = tiles.iter().map(|tile| tile.height).fold(0.0, f64::max);
    let pitch = geometry.width + GUTTER;
    let count = (total * ASPECT / pitch).sqrt().ceil().max(1.0);
    let limit = balanced(&tiles, count as usize, (total / count).max(tallest));
    let columns = fill(&tiles, limit);
    let used = columns.iter().map(Column::height).fold(0.0, f64::max);
    let content = columns.len() as f64 * pitch - GUTTER;
    let width = (content + 2.0 * MARGIN).max(header::least_width(named));
    let height = MARGIN + TITLE_HEIGHT + TURN + used + TURN + MARGIN;
    let mut page = Page::new(width, height);
    header::title(&mut page, named, Joins::Both);
    put(&mut page, &columns, &geometry, (pitch, MARGIN + TITLE_HEIGHT + TURN));
    page
}

/// The network on as many sheets of paper as it takes.
pub(super) fn pages(named: Named<'_>, paper: Paper) -> Vec<Page> {
    let (geometry, tiles) = tiles(named);
    let pitch = geometry.width + GUTTER;
    let top = MARGIN + TITLE_HEIGHT + TURN;
    // A single tile must fit, however large; the writer shrinks what is larger than the paper.
    let tallest = tiles.iter().map(|tile| tile.height).fold(0.0, f64::max) + top + TURN + MARGIN;
    let width = (paper.width / PAPER_SCALE)
        .max(geometry.width + 2.0 * MARGIN)
        .max(header::least_width(named))
        .max(tallest * paper.width / paper.height);
    let height = width * paper.height / paper.width;
    let per_page = (((width - 2.0 * MARGIN + GUTTER) / pitch) as usize).max(1);
    // Columns spread over the whole width.
    let pitch = match per_page {
        1 => pitch,
        _ => (width - 2.0 * MARGIN - geometry.width) / (per_page - 1) as f64,
    };
    let columns = fill(&tiles, height - top - TURN - MARGIN);
    let sheets: Vec<&[Column<'_>]> = columns.chunks(per_page).collect();
    let draw_sheet = |(index, columns): (usize, &&[Column<'_>])| {
        let mut page = Page::new(width, height);
        if index == 0 {
            header::title(&mut page, named, Joins::Both);
        } else {
            header::running(&mut page, named, index + 1, sheets.len());
        }
        let top = MARGIN + TURN + if index == 0 { TITLE_HEIGHT } else { RUNNING_HEIGHT };
        let end = put(&mut page, columns, &geometry, (pitch, top));
        if index > 0 {
            let axis = MARGIN + geometry.axis;
            page.line(&[(axis, top - TURN), (axis, top)], LINE, true);
        }
        if index + 1 < sheets.len() {
            page.line(&[end, (end.0, end.1 + TURN)], LINE, true);
            let at = (end.0 + 9.0, end.1 + TURN - 1.0);
            page.text(at, Anchor::Start, NOTE, format!("continues on page {}", index + 2));
        }
        page
    };
    sheets.iter().enumerate().map(draw_sheet).collect()
}

/// Input, blocks and output as tiles of one width.
fn tiles(named: Named<'_>) -> (Geometry, Vec<Tile>) {
    let sections = outline::sections(named.plan);
    let geometry = Geometry::of(&sections);
    let classes = named.plan.options.classes;
    let image = format!("image  {}", diagram::dimensions(named.plan.input));
    let output = format!("{classes} {}", if classes == 1 { "output" } else { "classes" });
    let mut tiles = vec![pill(&geometry, &image)];
    tiles.extend(sections.iter().flat_map(|section| tile::of_section(&geometry, section)));
    tiles.push(pill(&geometry, &output));
    (geometry, tiles)
}

fn pill(geometry: &Geometry, words: &str) -> Tile {
    let style = Style::new(9.5, true, PAPER);
    let mut page = Page::new(geometry.width, PILL_HEIGHT);
    let w = style.width(words) + 28.0;
    // Centred on the main path, but never over the column's edge.
    let x = (geometry.axis - w / 2.0).max(0.0);
    page.ground(Rect { x, y: 0.0, w, h: PILL_HEIGHT }, PILL_HEIGHT / 2.0, INK, None);
    page.text((x + w / 2.0, 13.0), Anchor::Middle, style, words);
    Tile { height: PILL_HEIGHT, items: page.items }
}

/// The lowest column height, from `least` up, at which `count` columns are enough.
fn balanced(tiles: &[Tile], count: usize, least: f64) -> f64 {
    let mut limit = least;
    while fill(tiles, limit).len() > count {
        limit += GAP;
    }
    limit
}

/// Fills columns up to `limit`; a tile that is higher stands alone.
fn fill(tiles: &[Tile], limit: f64) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for tile in tiles {
        match columns.last_mut() {
            Some(column) if column.height() + GAP + tile.height <= limit => column.items.push(tile),
            _ => columns.push(Column { items: vec![tile] }),
        }
    }
    columns
}

impl Column<'_> {
    fn height(&self) -> f64 {
        self.items.iter().map(|tile| tile.height + GAP).sum::<f64>() - GAP
    }
}

/// Puts columns side by side from the left margin, joined by lines, and says where the last one ends.
fn put(page: &mut Page, columns: &[Column<'_>], geometry: &Geometry, (pitch, top): (f64, f64)) -> Point {
    let mut x = MARGIN;
    let gap = pitch - geometry.width;
    let mut from: Option<Point> = None;
    for column in columns {
        let axis = x + geometry.axis;
        if let Some((before, end)) = from {
            let gutter = x - gap / 2.0;
            let (below, above) = (end + TURN, top - TURN);
            let path = [(before, end), (before, below), (gutter, below), (gutter, above), (axis, above)];
            page.line(&[path.as_slice(), &[(axis, top)]].concat(), LINE, true);
        }
        let mut y = top;
        for (index, tile) in column.items.iter().enumerate() {
            if index > 0 {
                page.line(&[(axis, y - GAP), (axis, y)], LINE, true);
            }
            page.place(&tile.items, (x, y));
            y += tile.height + GAP;
        }
        from = Some((axis, y - GAP));
        x += pitch;
    }
    from.unwrap_or((MARGIN, top))
}
