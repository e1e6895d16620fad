//! What `latency` prints: its table, the ratios in it, the stages, or rows as CSV.

use anyhow::{Context, Error};
use zoo_core::summary::{Align, Table, grouped};
use zoo_measure::{Measurement, Ratio};
use zoo_results::cells;
use zoo_results::latency::Row;

use super::{Against, Format, LatencyArgs, is};

/// What is printed: a table for people, or rows.
pub(super) fn printed(
    args: &LatencyArgs,
    measurements: &[Measurement],
    rows: &[Row],
    against: Option<&Against>,
) -> Result<String, Error> {
    if args.format == Format::Table {
        // The rows of one call are of one minute.
        let peak = rows.iter().find_map(|row| row.peak_gflops);
        let table_of = |measurement| stage_table(measurement, peak);
        let stages = measurements.iter().filter(|_| args.per_stage).filter_map(table_of);
        return Ok(stages.fold(table(measurements, against), |text, table| format!("{text}\n{table}")));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let ratio_columns: &[&str] = if against.is_some() { &["ratio", "ratio_low", "ratio_high"] } else { &[] };
    writer.write_record(cells::header::<Row>().iter().chain(ratio_columns))?;
    for (row, measurement) in rows.iter().zip(measurements) {
        let ratio = against.and_then(|against| ratio(measurements, measurement, against));
        let of_ratio = ratio.map_or([const { String::new() }; 3], |ratio| {
            [ratio.value, ratio.low, ratio.high].map(|number| format!("{number:.4}"))
        });
        writer.write_record(cells::write(row)?.iter().chain(&of_ratio[..ratio_columns.len()]))?;
    }
    Ok(String::from_utf8(writer.into_inner().context("cannot write CSV")?)?)
}

fn table(measurements: &[Measurement], against: Option<&Against>) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let mut columns = vec![("model", left), ("batch", right), ("engine", left), ("MACs", right), ("p50 ms", right)];
    columns.extend([("p90 ms", right), ("p99 ms", right), ("runs", right), ("noise %", right)]);
    columns.extend(against.map(|_| ("ratio (95 % interval)", left)));
    columns.push(("status", left));
    let mut table = Table::new(&columns);
    for measurement in measurements {
        let cell = &measurement.cell;
        let macs = measurement.cost.map_or_else(String::new, |cost| grouped(cost.macs));
        let mut cells = vec![cell.entry.variant.name.into(), cell.batch.to_string(), cell.engine.name().into(), macs];
        match &measurement.timing {
            Ok(timing) => {
                let found = &timing.statistics;
                cells.extend([found.p50, found.p90, found.p99].map(|ms| format!("{ms:.3}")));
                cells.extend([found.count.to_string(), format!("{:.1}", timing.counted.noise)]);
            }
            Err(_) => cells.extend([const { String::new() }; 5]),
        }
        cells.extend(against.map(|against| say_ratio(ratio(measurements, measurement, against))));
        cells.push(match &measurement.timing {
            Ok(_) => measurement.status(),
            Err(error) => error.to_string(),
        });
        table.row(cells);
    }
    table.render()
}

/// A ratio as text; empty where there is nothing to compare.
fn say_ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{:.3} ({:.3} to {:.3})", ratio.value, ratio.low, ratio.high))
}

/// The ratio of a row to what it is set against; none where there is nothing to compare.
fn ratio(measurements: &[Measurement], ours: &Measurement, against: &Against) -> Option<Ratio> {
    let cell = &ours.cell;
    let wanted = |other: &&Measurement| match against {
        Against::Model(name) => is(&other.cell, name, cell.batch, cell.engine),
        Against::Engine(engine) => is(&other.cell, cell.entry.variant.name, cell.batch, *engine),
    };
    let theirs = measurements.iter().find(wanted).filter(|theirs| !std::ptr::eq(*theirs, ours));
    let rounds = |measurement: &Measurement| measurement.timing.as_ref().ok().map(|timing| timing.times.medians());
    theirs.and_then(rounds).zip(rounds(ours)).and_then(|(theirs, ours)| Ratio::of(&ours, &theirs))
}

/// The stages of a measurement, beside what all threads together could do by `peak`, in GFLOP/s of one.
fn stage_table(measurement: &Measurement, peak: Option<f64>) -> Option<String> {
    let cell = &measurement.cell;
    let stages = measurement.timing.as_ref().ok()?.stages.as_ref()?;
    let total = stages.iter().map(|stage| stage.macs).sum::<u64>().max(1) as f64;
    let names = ["MACs", "share", "ms", "share", "GFLOP/s", "of peak"];
    let columns: Vec<_> = [("stage", Align::Left)].into_iter().chain(names.map(|name| (name, Align::Right))).collect();
    let mut table = Table::new(&columns);
    for stage in stages {
        let macs = format!("{:.1} %", 100.0 * stage.macs as f64 / total);
        let (ms, share) = (format!("{:.3}", stage.ms), format!("{:.1} %", stage.share));
        // Two operations are a multiply-add.
        let gflops = 2e-6 * stage.macs as f64 * f64::from(cell.batch) / stage.ms;
        let of_peak = peak.map(|peak| 100.0 * gflops / (peak * f64::from(measurement.threads)));
        let of_peak = of_peak.map_or_else(String::new, |share| format!("{share:.0} %"));
        table.row([stage.name.clone(), grouped(stage.macs), macs, ms, share, format!("{gflops:.1}"), of_peak]);
    }
    Some(format!("{}, batch {}, {}\n{}", cell.entry.variant.name, cell.batch, cell.engine.name(), table.render()))
}
