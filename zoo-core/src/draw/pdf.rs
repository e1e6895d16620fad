//! PDF: pages with real text in the viewer's own Helvetica; no font file is needed or embedded.

use pdf_writer::{Content, Finish, Name, Pdf, Rect as Area, Ref, Str, TextStr};

use super::canvas::{self, Anchor, Color, Item, JOIN_RADIUS, PAPER, Page, Rect, Segment};
use super::metrics;

const REGULAR: Name<'static> = Name(b"R");
const BOLD: Name<'static> = Name(b"B");

/// A sheet to print on, in points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paper {
    pub width: f64,
    pub height: f64,
}

/// A3 upright.
pub(super) const A3: Paper = Paper { width: 841.89, height: 1190.55 };

/// Writes each page on a sheet of `paper`, shrunk to fit where it is larger, in the middle and at the top.
pub(super) fn write(pages: &[Page], paper: Paper, title: &str) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, regular, bold, info) = (fresh(), fresh(), fresh(), fresh(), fresh());
    let ids: Vec<(Ref, Ref)> = pages.iter().map(|_| (fresh(), fresh())).collect();
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info).title(TextStr(title));
    pdf.pages(tree).kids(ids.iter().map(|(page, _)| *page)).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    for (id, face) in [(regular, "Helvetica"), (bold, "Helvetica-Bold")] {
        pdf.type1_font(id).base_font(Name(face.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (page, (id, content)) in pages.iter().zip(ids) {
        let mut sheet = pdf.page(id);
        sheet.media_box(Area::new(0.0, 0.0, paper.width as f32, paper.height as f32));
        sheet.parent(tree).contents(content);
        sheet.resources().fonts().pair(REGULAR, regular).pair(BOLD, bold);
        sheet.finish();
        pdf.stream(content, &draw(page, paper));
    }
    pdf.finish()
}

fn draw(page: &Page, paper: Paper) -> Vec<u8> {
    let mut content = Content::new();
    let scale = (paper.width / page.width).min(paper.height / page.height).min(1.0);
    let left = (paper.width - page.width * scale) / 2.0;
    // Pages here count y downwards, PDF upwards.
    content.transform([scale, 0.0, 0.0, -scale, left, paper.height].map(|number| number as f32));
    for item in &page.items {
        draw_item(&mut content, item);
    }
    content.finish().into_vec()
}

fn draw_item(content: &mut Content, item: &Item) {
    match item {
        Item::Box { rect, radius, fill, stroke, .. } => {
            set_fill(content, *fill);
            trace(content, &canvas::rounded(*rect, *radius));
            content.close_path();
            match stroke {
                Some(color) => {
                    set_stroke(content, *color, 1.0);
                    content.fill_nonzero_and_stroke();
                }
                None => {
                    content.fill_nonzero();
                }
            }
        }
        Item::Line { points, color, width, arrow } => {
            let (segments, head) = canvas::outline(points, *arrow);
            set_stroke(content, *color, *width);
            trace(content, &segments);
            content.stroke();
            if let Some([a, b, c]) = head {
                set_fill(content, *color);
                trace(content, &[Segment::Move(a), Segment::Line(b), Segment::Line(c)]);
                content.close_path().fill_nonzero();
            }
        }
        Item::Dot { center, radius, color } => {
            set_fill(content, *color);
            circle(content, *center, *radius);
            content.fill_nonzero();
        }
        Item::Join { center, sign, color } => {
            set_fill(content, PAPER);
            set_stroke(content, *color, 1.1);
            circle(content, *center, JOIN_RADIUS);
            content.fill_nonzero_and_stroke();
            for [from, to] in canvas::strokes(*center, *sign) {
                trace(content, &[Segment::Move(from), Segment::Line(to)]);
                content.stroke();
            }
        }
        Item::Text { at, anchor, size, bold, color, words } => {
            let width = metrics::width(words, *size, *bold);
            let x = match anchor {
                Anchor::Start => at.0,
                Anchor::Middle => at.0 - width / 2.0,
                Anchor::End => at.0 - width,
            };
            set_fill(content, *color);
            content.begin_text().set_font(if *bold { BOLD } else { REGULAR }, *size as f32);
            // Turned over once more, so that letters stand upright.
            content.set_text_matrix([1.0, 0.0, 0.0, -1.0, x as f32, at.1 as f32]);
            content.show(Str(&metrics::encode(words))).end_text();
        }
    }
}

fn circle(content: &mut Content, (x, y): (f64, f64), radius: f64) {
    trace(content, &canvas::rounded(Rect { x: x - radius, y: y - radius, w: 2.0 * radius, h: 2.0 * radius }, radius));
    content.close_path();
}

fn trace(content: &mut Content, segments: &[Segment]) {
    for segment in segments {
        match *segment {
            Segment::Move((x, y)) => content.move_to(x as f32, y as f32),
            Segment::Line((x, y)) => content.line_to(x as f32, y as f32),
            Segment::Curve(a, b, to) => {
                content.cubic_to(a.0 as f32, a.1 as f32, b.0 as f32, b.1 as f32, to.0 as f32, to.1 as f32)
            }
        };
    }
}

fn set_fill(content: &mut Content, color: Color) {
    let [r, g, b] = channels(color);
    content.set_fill_rgb(r, g, b);
}

fn set_stroke(content: &mut Content, color: Color, width: f64) {
    let [r, g, b] = channels(color);
    content.set_stroke_rgb(r, g, b).set_line_width(width as f32);
}

fn channels(Color(r, g, b): Color) -> [f32; 3] {
    [r, g, b].map(|channel| f32::from(channel) / 255.0)
}
