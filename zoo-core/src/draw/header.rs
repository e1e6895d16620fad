//! Title, totals and legend: the head of a drawing's first page, and the line above later ones.

use super::canvas::{Anchor, INK, JOIN_RADIUS, LINE, MUTED, Page, RESIDUAL, Rect, Sign, Style};
use super::diagram::{self, Element, Tint};
use crate::outline;
use crate::plan::Plan;
use crate::summary::Named;
use crate::summary::number::grouped;

/// White around everything.
pub(super) const MARGIN: f64 = 36.0;
/// Height of [`title`] with its legend, below the margin.
pub(super) const TITLE_HEIGHT: f64 = 92.0;
/// Height of [`running`].
pub(super) const RUNNING_HEIGHT: f64 = 26.0;

/// Which signs a layout draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    /// Residuals; gates are boxes.
    Residuals,
    /// Residuals and gates.
    Both,
}

const NAME: Style = Style::new(24.0, true, INK);
const OPTIONS: Style = Style::new(10.0, false, MUTED);
const TOTAL: Style = Style::new(12.0, true, INK);
const CONCAT: &str = "concatenation";
const LEGEND: Style = Style::new(8.5, false, INK);

/// The narrowest page on which [`title`] has room.
pub(super) fn least_width(named: Named<'_>) -> f64 {
    let left = NAME.width(named.model).max(OPTIONS.width(&options(named)));
    let right = totals(named).iter().map(|total| TOTAL.width(total)).fold(0.0, f64::max);
    (left + 30.0 + right).max(legend_width(named.plan)) + 2.0 * MARGIN
}

/// Name and options at the left, totals at the right, the legend below.
pub(super) fn title(page: &mut Page, named: Named<'_>, joins: Joins) {
    let right = page.width - MARGIN;
    page.text((MARGIN, MARGIN + 19.0), Anchor::Start, NAME, named.model);
    page.text((MARGIN, MARGIN + 38.0), Anchor::Start, OPTIONS, options(named));
    for (line, words) in totals(named).into_iter().enumerate() {
        page.text((right, MARGIN + 19.0 + 18.0 * line as f64), Anchor::End, TOTAL, words);
    }
    page.hairline((MARGIN, MARGIN + 52.0), (right, MARGIN + 52.0));
    legend(page, MARGIN + 68.0, named.plan, joins);
}

/// The name again, and which page this is.
pub(super) fn running(page: &mut Page, named: Named<'_>, number: usize, of: usize) {
    let right = page.width - MARGIN;
    page.text((MARGIN, MARGIN + 9.0), Anchor::Start, TOTAL, named.model);
    page.text((right, MARGIN + 9.0), Anchor::End, OPTIONS, format!("page {number} of {of}"));
    page.hairline((MARGIN, MARGIN + 17.0), (right, MARGIN + 17.0));
}

fn options(named: Named<'_>) -> String {
    named.options("  ·  ", "×")
}

fn totals(named: Named<'_>) -> [String; 2] {
    let cost = named.plan.cost;
    [format!("{} parameters", grouped(cost.params)), format!("{} MACs", grouped(cost.macs))]
}

fn elements(plan: &Plan) -> Vec<Element> {
    let sections = outline::sections(plan);
    let blocks = sections.iter().flat_map(|section| &section.blocks);
    blocks.flat_map(diagram::elements).collect()
}

fn legend_width(plan: &Plan) -> f64 {
    let concatenates = elements(plan).iter().any(|element| element.joins(Sign::Concat));
    let concat = if concatenates { LEGEND.width(CONCAT) + 33.0 } else { 0.0 };
    Tint::ALL.iter().map(|kind| LEGEND.width(kind.word()) + 33.0).sum::<f64>()
        + LEGEND.width("gate")
        + LEGEND.width("residual")
        + 66.0
        + concat
}

/// What of the colours and signs the network has.
fn legend(page: &mut Page, y: f64, plan: &Plan, joins: Joins) {
    let elements = elements(plan);
    let mut x = MARGIN;
    for kind in Tint::ALL {
        if elements.iter().any(|element| element.shows(kind)) {
            page.node(Rect { x, y: y - 5.5, w: 15.0, h: 11.0 }, kind.fill(), kind.stroke());
            page.text((x + 20.0, y + 3.0), Anchor::Start, LEGEND, kind.word());
            x += LEGEND.width(kind.word()) + 33.0;
        }
    }
    if joins == Joins::Both && elements.iter().any(|element| element.joins(Sign::Times)) {
        page.join((x + JOIN_RADIUS, y), Sign::Times, LINE);
        page.text((x + 18.0, y + 3.0), Anchor::Start, LEGEND, "gate");
        x += LEGEND.width("gate") + 33.0;
    }
    if elements.iter().any(|element| element.joins(Sign::Plus)) {
        page.join((x + JOIN_RADIUS, y), Sign::Plus, RESIDUAL);
        page.text((x + 18.0, y + 3.0), Anchor::Start, LEGEND, "residual");
        x += LEGEND.width("residual") + 33.0;
    }
    if elements.iter().any(|element| element.joins(Sign::Concat)) {
        page.join((x + JOIN_RADIUS, y), Sign::Concat, LINE);
        page.text((x + 18.0, y + 3.0), Anchor::Start, LEGEND, CONCAT);
    }
    page.hairline((MARGIN, y + 15.0), (page.width - MARGIN, y + 15.0));
}
