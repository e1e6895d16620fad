//! A comparison as plain text.

use super::Comparison;
use crate::summary::number::{grouped, signed};
use crate::summary::{Align, Table};

/// The table, with the totals of both sides below the sum of the differences.
pub(super) fn render(comparison: &Comparison) -> String {
    let (model, against) = (&comparison.model, &comparison.against);
    let mut text =
        format!("{}  ({})\nagainst {}  ({})\n\n", model.model, model.options, against.model, against.options);
    let mut table = Table::new(&[
        ("Layer", Align::Left),
        (&model.model, Align::Left),
        (&against.model, Align::Left),
        ("Parameters", Align::Right),
        ("MACs", Align::Right),
    ]);
    for row in &comparison.differences {
        let cell = |words: &Option<String>| words.clone().unwrap_or("-".into());
        table.row([row.name.clone(), cell(&row.model), cell(&row.against), signed(row.params), signed(row.macs)]);
    }
    if comparison.differences.is_empty() {
        table.row(["nothing differs".into()]);
    }
    table.rule();
    let blank = String::new;
    table.row(["sum".into(), blank(), blank(), signed(comparison.params), signed(comparison.macs)]);
    let shares = [share(comparison.params, against.params), share(comparison.macs, against.macs)];
    table.row([blank(), blank(), blank()].into_iter().chain(shares));
    table.row([model.model.clone(), blank(), blank(), grouped(model.params), grouped(model.macs)]);
    table.row([against.model.clone(), blank(), blank(), grouped(against.params), grouped(against.macs)]);
    text += &table.render();
    text
}

/// A difference in percent of the other side's total.
fn share(difference: i128, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    format!("{:+.1} %", difference as f64 / whole as f64 * 100.0)
}
