//! Where the time of training steps goes: by kind of operation, and by stage beside its share of the MACs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use zoo_core::op::Place;
use zoo_core::plan::Plan;
use zoo_core::summary::{Align, Table, grouped};
use zoo_native::profile::{Profile, Record};

use super::TrainError;
use super::loader::Loader;
use super::run::{Prepared, Request};
use super::trainer::Trainer;
use zoo_data::Dataset;
use zoo_host::words::counted;

/// Steps before the first that counts: they find the allocator and the kernels' caches empty.
const WARMUP_STEPS: u64 = 3;
/// Lines of the table of operations; the rest is in its last one.
const MOST_OPERATIONS: usize = 16;

/// Milliseconds a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    forward: f64,
    backward: f64,
    calls: f64,
}

/// Trains `steps` steps of a network that is then thrown away, and tells what they took as two tables.
///
/// # Errors
/// Where the network cannot be built or run.
pub fn profile(request: &Request, dataset: Dataset, steps: u64) -> Result<String, TrainError> {
    let Prepared { settings, plans, source, .. } = Prepared::new(request, dataset)?;
    let Some(plan) = plans.last() else { return Ok(String::new()) };
    let source = Arc::new(source);
    let mut trainer = Trainer::new(plan.clone(), &settings, &source, request.device, &request.comm)?;
    let mut loader = Loader::start(source, 0, settings.run.workers);
    let mut waited = 0.0;
    let mut step = |number: u64| -> Result<(), TrainError> {
        let begun = Instant::now();
        let batch = loader.next_batch()?;
        waited += begun.elapsed().as_secs_f64();
        trainer.step(&batch, number, 0.0).map(|_| ())
    };
    (0..WARMUP_STEPS).try_for_each(&mut step)?;
    let (record, begun) = (Profile::start()?, Instant::now());
    let outcome = (WARMUP_STEPS..WARMUP_STEPS + steps).try_for_each(&mut step);
    let (seconds, records) = (begun.elapsed().as_secs_f64(), record.stop()?);
    outcome?;
    Ok(text(plan, &records, seconds / steps as f64, steps, settings.schedule.batch_size))
}

fn text(plan: &Plan, records: &[Record], seconds: f64, steps: u64, batch_size: usize) -> String {
    let total = 1e3 * seconds;
    let heading = format!(
        "{} of {}, {total:.1} ms each, {:.0} img/s; timing itself slows them a little\n",
        counted(steps, "step"),
        counted(batch_size as u64, "image"),
        batch_size as f64 / seconds
    );
    heading + "\n" + &operations(records, total, steps) + "\n" + &stages(plan, records, total, steps)
}

fn operations(records: &[Record], total: f64, steps: u64) -> String {
    let mut costs: Vec<(String, Cost)> = sums(records, steps, |record| kind(&record.name)).into_iter().collect();
    costs.sort_by(|a, b| (b.1.forward + b.1.backward).total_cmp(&(a.1.forward + a.1.backward)));
    let rest = costs.split_off(costs.len().min(MOST_OPERATIONS));
    let mut table = table("operation");
    for (name, cost) in &costs {
        table.row(row(name, *cost, total));
    }
    let sum = |costs: &[(String, Cost)]| costs.iter().map(|(_, cost)| cost.forward + cost.backward).sum::<f64>();
    let (shown, smaller) = (sum(&costs), sum(&rest));
    table.rule();
    let line = |name: &str, time: f64| [name.to_string(), String::new(), String::new(), percent(time / total)];
    table.row(line("smaller ones", smaller));
    table.row(line("outside libtorch", total - shown - smaller));
    table.render()
}

fn stages(plan: &Plan, records: &[Record], total: f64, steps: u64) -> String {
    let costs = sums(records, steps, |record| stage(plan, record.label));
    let mut macs: BTreeMap<String, u64> = BTreeMap::new();
    for (index, op) in plan.ops.iter().enumerate() {
        *macs.entry(stage(plan, index as i32 + 1)).or_default() += op.cost().map_or(0, |cost| cost.macs);
    }
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("forward ms", Align::Right),
        ("backward ms", Align::Right),
        ("share", Align::Right),
        ("MACs", Align::Right),
        ("share", Align::Right),
    ]);
    for (name, cost) in &costs {
        let macs = macs.get(name).copied();
        let own = macs.map(|macs| [grouped(macs), percent(macs as f64 / plan.cost.macs.max(1) as f64)]);
        let cells = row(&name[2..], *cost, total);
        table.row(cells.into_iter().take(4).chain(own.into_iter().flatten()));
    }
    table.render()
}

fn table(first: &str) -> Table {
    Table::new(&[
        (first, Align::Left),
        ("forward ms", Align::Right),
        ("backward ms", Align::Right),
        ("share", Align::Right),
        ("calls", Align::Right),
    ])
}

fn row(name: &str, cost: Cost, total: f64) -> [String; 5] {
    let milliseconds = |time: f64| if time > 0.0 { format!("{time:.2}") } else { String::new() };
    let share = percent((cost.forward + cost.backward) / total);
    [name.to_string(), milliseconds(cost.forward), milliseconds(cost.backward), share, format!("{:.0}", cost.calls)]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn sums(records: &[Record], steps: u64, key: impl Fn(&Record) -> String) -> BTreeMap<String, Cost> {
    let mut sums: BTreeMap<String, Cost> = BTreeMap::new();
    for record in records {
        let cost = sums.entry(key(record)).or_default();
        cost.forward += 1e3 * record.forward / steps as f64;
        cost.backward += 1e3 * record.backward / steps as f64;
        cost.calls += record.calls as f64 / steps as f64;
    }
    sums
}

/// The stage of operation `label` of the plan, counted from 1, behind a letter that sorts it.
fn stage(plan: &Plan, label: i32) -> String {
    let op = usize::try_from(label - 1).ok().and_then(|index| plan.ops.get(index));
    match op.map(|op| op.place) {
        Some(Place::Stem) => "a stem".into(),
        Some(Place::Stage { stage, .. }) => format!("{} stages.{stage}", char::from(b'b' + stage.min(20) as u8)),
        Some(Place::Head) => "w head".into(),
        Some(Place::Top) => "x top".into(),
        None => "y loss and optimizer".into(),
    }
}

/// One name for an operation and its way back: `convolution` for `aten::conv2d` and `ConvolutionBackward0`.
fn kind(name: &str) -> String {
    let known = [
        ("norm_activation", "norm with activation"),
        ("NormActivation", "norm with activation"),
        ("depthwise", "depthwise convolution"),
        ("Depthwise", "depthwise convolution"),
        ("conv2d", "convolution"),
        ("::Dense>", "convolution"),
        ("ConvolutionBackward", "convolution"),
        ("AccumulateGrad", "gradients put in place"),
        ("_fused_", "optimizer"),
        ("_foreach_", "optimizer"),
    ];
    if let Some((_, kind)) = known.iter().find(|(part, _)| name.contains(part)) {
        return (*kind).to_string();
    }
    let bare = name.trim_start_matches("aten::").trim_start_matches("torch::autograd::");
    bare.split("Backward").next().unwrap_or(bare).trim_matches('_').to_lowercase()
}

#[cfg(test)]
mod tests {
    use zoo_core::Options;
    use zoo_core::arch::MOBILENET_V2;

    use super::*;

    #[test]
    fn an_operation_and_its_way_back_have_one_name() {
        assert_eq!(kind("aten::conv2d"), kind("ConvolutionBackward0"));
        assert_eq!(kind("zoo::dense_conv2d"), kind("torch::autograd::CppNode<(anonymous namespace)::Dense>"));
        assert_eq!(
            kind("zoo::norm_activation"),
            kind("torch::autograd::CppNode<(anonymous namespace)::NormActivation>")
        );
        assert_eq!((kind("aten::hardswish_"), kind("HardswishBackward0")), ("hardswish".into(), "hardswish".into()));
    }

    #[test]
    fn stages_stand_in_the_order_of_the_network_with_their_macs() {
        let plan = Plan::new(&MOBILENET_V2, &Options::DEFAULT).unwrap();
        let record = |label: i32| Record { label, name: "aten::conv2d".into(), forward: 0.5, backward: 0.0, calls: 2 };
        let records: Vec<Record> = (0..=plan.ops.len() as i32).map(record).collect();
        let text = text(&plan, &records, 100.0, 2, 4);
        let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
        assert!(place("stem") < place("stages.0") && place("stages.6") < place("head") && place("head") < place("top"));
        // Stage 0 of MobileNetV2: 32 x 9 and 32 x 16 multiplications on 112 x 112 pixels.
        assert!(text.contains(&grouped(112 * 112 * (32 * 9 + 32 * 16))), "{text}");
    }
}
