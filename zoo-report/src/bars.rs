//! Draws bars of parts.

use super::axis::Axis;
use super::chart::{Room, Size, axes, named, put, text};
use super::figure::{Bars, Part};
use super::font::{Weight, width};
use super::geometry::Position;

impl Bars {
    /// Height of all its bars, in pixels.
    pub fn height(&self) -> u32 {
        let bars: usize = self.groups.iter().map(|group| group.bars.len()).sum();
        (bars * 24 + self.groups.len() * 34 + 70) as u32
    }
}

/// Draws `bars` in a figure of `pixels`.
///
/// # Errors
/// What plotters says, as text.
pub fn draw(bars: &Bars, size: Size, pixels: (u32, u32), elements: &mut String) -> Result<(), String> {
    let lengths: Vec<f64> =
        bars.groups.iter().flat_map(|group| &group.bars).flat_map(|(_, parts)| ends(parts)).collect();
    let places: Vec<Position> = lengths.iter().map(|length| (*length, 0.0)).collect();
    let y = Axis::unlabelled();
    let names = bars.groups.iter().flat_map(|group| &group.bars);
    let names = names.map(|(name, _)| width(name, size.font(), Weight::Regular));
    let left = names.fold(0.0, f64::max).ceil() as u32 + 18;
    let (plot, places) = axes((&bars.x, &y), Room { size, pixels, left, right: 18 }, &places, elements)?;
    let mut ends = places.iter().map(|(x, _)| *x);
    let mut top = plot.top + 4.0;
    for group in &bars.groups {
        text(elements, "label title", (plot.left, top + size.font()), size.font(), "start", &group.label);
        top += 22.0;
        for (name, parts) in &group.bars {
            text(elements, "label", (plot.left - 8.0, top + 14.5), size.font(), "end", name);
            let mut left = plot.left;
            for part in parts {
                let right = ends.next().unwrap_or(left);
                bar(part, (left, right), top, size, elements);
                left = right;
            }
            top += 24.0;
        }
        top += 12.0;
    }
    Ok(())
}

/// Where each part of a bar ends.
fn ends(parts: &[Part]) -> impl Iterator<Item = f64> {
    parts.iter().scan(0.0, |end, part| {
        *end += part.length;
        Some(*end)
    })
}

fn bar(part: &Part, (left, right): Position, top: f64, size: Size, elements: &mut String) {
    let (colour, wide, font) = (part.colour, (right - left).max(0.0), size.font() - 2.0);
    let (attributes, title) = named(&part.title);
    put(
        elements,
        format_args!(
            "<g class=\"part p{colour}\" {attributes}>{title}<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" \
             height=\"20\"/>"
        ),
    );
    if width(&part.name, font, Weight::Regular) + 6.0 < wide {
        text(elements, "inside", ((left + right) / 2.0, top + 14.0), font, "middle", &part.name);
    }
    elements.push_str("</g>\n");
}
