//! SVG: a page as one self-contained image, with its own background so that dark viewers show it right.

use std::fmt::Write;

use super::canvas::{self, Anchor, Color, Item, JOIN_RADIUS, PAPER, Page, Segment};
use super::metrics;

/// Faces with the metrics of Helvetica first; `textLength` keeps other faces within the same width.
const FACES: &str = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', Arimo, sans-serif";

/// Writes a page; `title` is what screen readers and tabs show.
pub(super) fn write(page: &Page, title: &str) -> String {
    let (width, height) = (number(page.width), number(page.height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" role=\"img\" font-family=\"{FACES}\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"{}\"/>\n",
        escape(title),
        hex(PAPER),
    );
    for item in &page.items {
        write_item(&mut svg, item);
    }
    svg + "</svg>\n"
}

fn write_item(svg: &mut String, item: &Item) {
    // Writing into a String cannot fail.
    let _ = match item {
        Item::Box { rect, radius, fill, stroke, .. } => {
            let stroke = stroke.map_or(String::new(), |color| format!(" stroke=\"{}\"", hex(color)));
            writeln!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"{}\"{stroke}/>",
                number(rect.x),
                number(rect.y),
                number(rect.w),
                number(rect.h),
                number(*radius),
                hex(*fill),
            )
        }
        Item::Line { points, color, width, arrow } => write_line(svg, points, *color, *width, *arrow),
        Item::Dot { center: (x, y), radius, color } => {
            let (x, y, r) = (number(*x), number(*y), number(*radius));
            writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{}\"/>", hex(*color))
        }
        Item::Join { center, sign, color } => {
            let strokes = canvas::strokes(*center, *sign)
                .map(|[from, to]| path(&[Segment::Move(from), Segment::Line(to)]))
                .concat();
            let (x, y, r, stroke) = (number(center.0), number(center.1), number(JOIN_RADIUS), hex(*color));
            writeln!(
                svg,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{}\" stroke=\"{stroke}\" stroke-width=\"1.1\"/>\n\
                 <path d=\"{strokes}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.2\"/>",
                hex(PAPER),
            )
        }
        Item::Text { at: (x, y), anchor, size, bold, color, words } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let length = number(metrics::width(words, *size, *bold));
            let (x, y, size, color) = (number(*x), number(*y), number(*size), hex(*color));
            writeln!(
                svg,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{weight}{anchor} fill=\"{color}\" \
                 textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                escape(words),
            )
        }
    };
}

fn write_line(svg: &mut String, points: &[(f64, f64)], color: Color, width: f64, arrow: bool) -> std::fmt::Result {
    let (segments, head) = canvas::outline(points, arrow);
    let (line, width) = (path(&segments), number(width));
    writeln!(svg, "<path d=\"{line}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"/>", hex(color))?;
    if let Some([a, b, c]) = head {
        let triangle = path(&[Segment::Move(a), Segment::Line(b), Segment::Line(c)]);
        writeln!(svg, "<path d=\"{triangle}Z\" fill=\"{}\"/>", hex(color))?;
    }
    Ok(())
}

fn path(segments: &[Segment]) -> String {
    let point = |(x, y): (f64, f64)| format!("{} {}", number(x), number(y));
    let segment = |segment: &Segment| match *segment {
        Segment::Move(to) => format!("M{}", point(to)),
        Segment::Line(to) => format!("L{}", point(to)),
        Segment::Curve(a, b, to) => format!("C{} {} {}", point(a), point(b), point(to)),
    };
    segments.iter().map(segment).collect()
}

/// At most two decimals, and no more than needed.
fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // Adding zero turns -0 into 0.
    (rounded + 0.0).to_string()
}

fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // XML has no way to write most control characters.
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}
