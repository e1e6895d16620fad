//! Drawings: a plan as SVG, PDF or DOT, with layer names and shapes.
//!
//! Owns the reading of blocks as diagrams (`paths`, `diagram`), two layouts - `overview` with a row a stage, `expanded` with
//! every block - and a writer for each format. SVG and PDF put down the same pages; DOT leaves the places to Graphviz.

mod canvas;
mod diagram;
mod dot;
mod expanded;
mod header;
mod metrics;
mod overview;
mod paths;
mod pdf;
mod svg;
mod tile;

pub(crate) use diagram::Tint;

use crate::summary::Named;

/// A file format for drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One self-contained image.
    Svg,
    /// Pages of A3, with text as text.
    Pdf,
    /// A graph for Graphviz.
    Dot,
}

/// How much is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// A row for each stage; blocks that do the same are drawn once.
    Overview,
    /// Every block with all its layers.
    Expanded,
}

/// Draws a network. The answer is a whole file; SVG and DOT are UTF-8.
///
/// ```
/// use zoo_core::draw::{Detail, Format, draw};
/// use zoo_core::{Named, Options, Plan, arch::MOBILENET_V2};
/// let plan = Plan::new(&MOBILENET_V2, &Options::DEFAULT)?;
/// let named = Named { plan: &plan, model: "mobilenet-v2", profile: "native" };
/// assert!(draw(named, Format::Svg, Detail::Overview).starts_with(b"<svg"));
/// # Ok::<(), zoo_core::PlanError>(())
/// ```
pub fn draw(named: Named<'_>, format: Format, detail: Detail) -> Vec<u8> {
    match (format, detail) {
        (Format::Svg, Detail::Overview) => svg::write(&overview::layout(named), named.model).into_bytes(),
        (Format::Svg, Detail::Expanded) => svg::write(&expanded::sheet(named), named.model).into_bytes(),
        (Format::Pdf, Detail::Overview) => pdf::write(&[overview::layout(named)], pdf::A3, named.model),
        (Format::Pdf, Detail::Expanded) => pdf::write(&expanded::pages(named, pdf::A3), pdf::A3, named.model),
        (Format::Dot, detail) => dot::write(named, detail).into_bytes(),
    }
}

#[cfg(test)]
mod tests;
