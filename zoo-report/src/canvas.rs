//! A backend for plotters that writes SVG whose colours are CSS classes, so that one drawing serves light and dark.
//!
//! plotters counts in whole pixels. Everything here is drawn [`SCALE`] times as large and written with a decimal, so that
//! points stand where they belong.

use std::convert::Infallible;
use std::fmt::Write;

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontTransform};

/// Units of plotters for one pixel of the figure.
pub const SCALE: i32 = 10;

/// What plotters draws; the colour is how it tells us which.
pub const INKS: [(RGBColor, &str); 3] =
    [(RGBColor(1, 0, 0), "grid"), (RGBColor(2, 0, 0), "axis"), (RGBColor(3, 0, 0), "label")];

/// Collects the elements of a figure.
#[derive(Debug)]
pub struct Canvas<'a> {
    size: (u32, u32),
    elements: &'a mut String,
}

impl<'a> Canvas<'a> {
    /// A canvas of `size` pixels that appends to `elements`.
    pub fn new(size: (u32, u32), elements: &'a mut String) -> Canvas<'a> {
        Canvas { size, elements }
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.elements.write_fmt(arguments);
    }
}

/// A length of plotters in pixels.
pub fn pixels(length: i32) -> f64 {
    f64::from(length) / f64::from(SCALE)
}

/// Width of a text in pixels, on the generous side: the page's font is whatever its reader has.
pub fn text_width(text: &str, size: f64) -> f64 {
    0.66 * size * text.chars().count() as f64
}

/// Text with the characters that mean something to XML written out, and those that it may not hold replaced.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn class(colour: BackendColor) -> &'static str {
    let found = INKS.iter().find(|(ink, _)| (ink.0, ink.1, ink.2) == colour.rgb);
    found.map_or("label", |(_, class)| class)
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size.0 * SCALE as u32, self.size.1 * SCALE as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let mut points = path.into_iter().map(|(x, y)| format!("{} {}", pixels(x), pixels(y)));
        if let Some(first) = points.next() {
            let rest: Vec<String> = points.collect();
            self.push(format_args!("<path class=\"{}\" d=\"M{first}L{}\"/>\n", class(style.color()), rest.join("L")));
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, position: BackendCoord) -> Drawn {
        let (x, y) = (pixels(position.0), pixels(position.1));
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.35,
            // Letters reach 0.24 of their size below the line in the deepest of the usual fonts.
            VPos::Bottom => -0.26,
        };
        let size = style.size() / f64::from(SCALE);
        let turn = match style.transform() {
            FontTransform::Rotate270 => format!(" transform=\"rotate(270 {x} {y})\""),
            _ => String::new(),
        };
        let (class, down) = (class(style.color()), (down * size * 10.0).round() / 10.0);
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" dy=\"{down}\" font-size=\"{size}\" \
             text-anchor=\"{anchor}\"{turn}>{}</text>\n",
            escaped(text)
        ));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((text_width(text, style.size()) as u32, style.size() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_table_cannot_break_the_markup() {
        assert_eq!(escaped("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
        assert_eq!(escaped("a\u{0}\u{1b}b\nc"), "a\u{fffd}\u{fffd}b c");
    }
}
