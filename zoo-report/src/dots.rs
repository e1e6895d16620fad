//! Draws rows of points on one axis.

use super::axis::Axis;
use super::canvas::escaped;
use super::chart::{Room, Size, axes, named, put, text};
use super::figure::{Dot, Dots};
use super::geometry::Position;

/// Height of a row: its words, and its points below them.
const ROW: f64 = 40.0;

impl Dots {
    /// Height of all its rows, in pixels.
    pub fn height(&self) -> u32 {
        self.rows.len() as u32 * ROW as u32 + 84
    }
}

/// Draws `dots` in a figure of `pixels`.
///
/// # Errors
/// What plotters says, as text.
pub fn draw(dots: &Dots, size: Size, pixels: (u32, u32), elements: &mut String) -> Result<(), String> {
    let all = dots.rows.iter().flat_map(|row| &row.dots).map(|dot| dot.x);
    let wanted: Vec<Position> = [dots.reference].into_iter().chain(all).map(|x| (x, 0.0)).collect();
    let y = Axis::unlabelled();
    let (plot, places) = axes((&dots.x, &y), Room { size, pixels, left: 18, right: 18 }, &wanted, elements)?;
    let mut places = places.into_iter().map(|(x, _)| x);
    let reference = places.next().unwrap_or(plot.left);
    for (number, row) in dots.rows.iter().enumerate() {
        let top = plot.top + ROW * number as f64 + 4.0;
        text(
            elements,
            "label title",
            (plot.left + 4.0, top + size.font() - 1.0),
            size.font() - 1.0,
            "start",
            &row.label,
        );
        let middle = top + 26.0;
        put(elements, format_args!("<path class=\"grid\" d=\"M{:.1} {middle:.1}H{:.1}\"/>\n", plot.left, plot.right));
        // Beside the words, which it would cross otherwise.
        let (top, bottom) = (middle - 8.0, middle + 8.0);
        put(elements, format_args!("<path class=\"reference\" d=\"M{reference:.1} {top:.1}V{bottom:.1}\"/>\n"));
        for (dot, x) in row.dots.iter().zip(places.by_ref()) {
            mark(dot, (x, middle), elements);
        }
    }
    Ok(())
}

fn mark(dot: &Dot, (x, y): Position, elements: &mut String) {
    let (attributes, title) = named(&dot.title);
    let (colour, row, shape) = (dot.colour, escaped(&dot.row), dot.shape.drawn((x, y)));
    put(
        elements,
        format_args!(
            "<g class=\"s{colour} measured mark\" data-row=\"{row}\" {attributes}>{title}<circle class=\"hit\" cx=\"{x:.1}\" \
             cy=\"{y:.1}\" r=\"9\"/>{shape}</g>\n"
        ),
    );
}
