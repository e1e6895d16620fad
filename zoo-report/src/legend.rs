//! What a reader needs to read a figure: what marks, lines and colours stand for, in rows below it.

use std::fmt::Write;

use super::canvas::escaped;
use super::figure::{Bars, Dots, Lines};
use super::font::{Weight, width};
use super::mark::Shape;
use super::observation::Kind;

/// Width of a sample, with the space behind it.
const SAMPLE: f64 = 30.0;

/// Space between two entries.
const BETWEEN: f64 = 18.0;

/// A sample of what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    Mark(Kind),
    Front,
    Spread,
    Line(usize),
    Part(usize),
    Shape(Shape),
    Dot(usize),
    Limit,
    None,
}

/// Entries in rows.
#[derive(Clone, Debug, Default)]
pub struct Legend {
    entries: Vec<(Sample, String)>,
}

impl Legend {
    /// That of a figure of points and lines, `unnamed` of which have no name in it.
    pub fn of_lines(lines: &Lines, unnamed: usize) -> Legend {
        let has = |kind: Kind| lines.series.iter().any(|series| series.kind == kind && !series.points.is_empty());
        let mut entries = Vec::new();
        for (kind, text) in [(Kind::Published, "published"), (Kind::Measured, "measured here")] {
            if has(kind) {
                entries.push((Sample::Mark(kind), text.to_string()));
            }
        }
        if !lines.fronts.is_empty() {
            entries.push((Sample::Front, "front: nothing cheaper is better".into()));
        }
        if lines.series.iter().flat_map(|series| &series.points).any(|point| point.spread.is_some()) {
            entries.push((Sample::Spread, lines.spread.into()));
        }
        entries.extend(lines.limit.iter().map(|(_, text)| (Sample::Limit, text.clone())));
        entries.extend(shapes(&lines.shapes));
        entries.extend(lines.keys.iter().map(|key| (Sample::Line(key.colour), key.text.clone())));
        if unnamed > 0 {
            let text = format!("{unnamed} more are not labelled: point at them, or see the table");
            entries.push((Sample::None, text));
        }
        Legend { entries }
    }

    /// That of a figure of bars.
    pub fn of_bars(bars: &Bars) -> Legend {
        Legend { entries: bars.keys.iter().map(|key| (Sample::Part(key.colour), key.text.clone())).collect() }
    }

    /// That of a figure of rows of points.
    pub fn of_dots(dots: &Dots) -> Legend {
        let colours = dots.keys.iter().map(|key| (Sample::Dot(key.colour), key.text.clone()));
        Legend { entries: shapes(&dots.shapes).chain(colours).collect() }
    }

    /// Where each entry begins in a figure so wide, and the height of all.
    fn rows(&self, figure: f64, size: f64) -> (Vec<(f64, f64)>, f64) {
        let step = (1.45 * size).round();
        let (mut x, mut y) = (0.0, 0.0);
        let mut places = Vec::new();
        for (at, (sample, text)) in self.entries.iter().enumerate() {
            let wide = SAMPLE + width(text, size, Weight::Regular);
            let is_key = |sample: &Sample| matches!(sample, Sample::Line(_) | Sample::Dot(_));
            // Colours are apart from what all of them have in common.
            let first_key = at > 0 && is_key(sample) && !is_key(&self.entries[at - 1].0);
            if x > 0.0 && (first_key || x + wide > figure) {
                (x, y) = (0.0, y + step);
            }
            places.push((x, y));
            x += wide + BETWEEN;
        }
        (places, if self.entries.is_empty() { 0.0 } else { y + step + 6.0 })
    }

    /// Its height in a figure so wide, with letters so large.
    pub fn height(&self, figure: f64, size: f64) -> f64 {
        self.rows(figure, size).1
    }

    /// Draws it from `(left, top)` on.
    pub fn draw(&self, (left, top): (f64, f64), figure: f64, size: f64, out: &mut String) {
        let (places, _) = self.rows(figure, size);
        // Writing into a string cannot fail.
        for ((sample, text), (x, y)) in self.entries.iter().zip(places) {
            let (x, middle) = (left + x, top + y + 0.5 * size);
            let _ = writeln!(
                out,
                "<g class=\"key\">{}<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" textLength=\"{:.1}\" \
                 lengthAdjust=\"spacingAndGlyphs\">{}</text></g>",
                sample.drawn(x, middle),
                x + SAMPLE - 6.0,
                middle + 0.36 * size,
                // A long entry is set closer rather than cut off.
                width(text, size, Weight::Regular).min(figure - SAMPLE),
                escaped(text)
            );
        }
    }
}

fn shapes(shapes: &[(Shape, String)]) -> impl Iterator<Item = (Sample, String)> + '_ {
    shapes.iter().map(|(shape, text)| (Sample::Shape(*shape), text.clone()))
}

impl Sample {
    fn drawn(self, x: f64, y: f64) -> String {
        let middle = x + 9.0;
        match self {
            Sample::Mark(kind) => {
                let look = if kind == Kind::Measured { "measured" } else { "published" };
                format!("<g class=\"any {look}\">{}</g>", Shape::Circle.drawn((middle, y)))
            }
            Sample::Front => format!("<path class=\"front\" d=\"M{x:.1} {y:.1}h18\"/>"),
            Sample::Spread => {
                let (top, left) = (y - 6.0, middle - 3.0);
                format!(
                    "<g class=\"any\"><path class=\"bar\" d=\"M{middle:.1} {top:.1}v12M{left:.1} {top:.1}h6M{left:.1} \
                     {:.1}h6\"/></g>",
                    y + 6.0
                )
            }
            Sample::None => String::new(),
            Sample::Limit => format!("<path class=\"limit\" d=\"M{x:.1} {y:.1}h18\"/>"),
            Sample::Shape(shape) => format!("<g class=\"any measured\">{}</g>", shape.drawn((middle, y))),
            Sample::Dot(colour) => {
                format!("<g class=\"s{colour} measured\">{}</g>", Shape::Circle.drawn((middle, y)))
            }
            Sample::Line(colour) => format!(
                "<path class=\"line s{colour}\" d=\"M{x:.1} {y:.1}h18\"/><g class=\"s{colour}\">{}</g>",
                Shape::of(colour).drawn((middle, y))
            ),
            Sample::Part(colour) => format!(
                "<g class=\"part p{colour}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"14\" height=\"12\"/></g>",
                x + 4.0,
                y - 6.0
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_to_the_next_row_where_one_is_full() {
        let entries = ["one", "two", "three"].map(|text| (Sample::Front, text.to_string())).to_vec();
        let legend = Legend { entries };
        let rows = |figure| legend.rows(figure, 13.0).0.iter().map(|(_, y)| *y as u32).collect::<Vec<_>>();
        assert_eq!((rows(500.0), rows(130.0)), (vec![0, 0, 0], vec![0, 0, 19]));
        assert_eq!(rows(10.0), [0, 19, 38]);
        assert_eq!(Legend::default().height(500.0, 13.0), 0.0);
    }
}
