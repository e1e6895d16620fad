//! Names and shapes under every naming scheme, in the order of the libraries' own state dicts or sorted.

use std::fmt::Write;

use md5::Digest;
use zoo_core::model::{Model, ModelOptions};
use zoo_core::weights::{Scheme, named};
use zoo_core::{Options, Plan, Registry};

use super::places::Order;
use super::record::{names, network};

/// The lines `key:shape` of a model's tensors, without counters of batches.
fn lines(name: &str, scheme: Scheme, order: Order) -> String {
    let entry = Registry::default().find(name).expect("golden values are of variants");
    let plan = Plan::new(entry.architecture, &Options { classes: 1000, ..entry.variant.options }).expect("a network");
    let model = Model::new(plan, &ModelOptions::default()).expect("libtorch builds it");
    let mut tensors = named(&model, entry.architecture, scheme).expect("the library has this network");
    if order == Order::Names {
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    let mut lines = String::new();
    for (key, tensor) in tensors.iter().filter(|(key, _)| !key.ends_with("num_batches_tracked")) {
        let shape = tensor.size().iter().map(i64::to_string).collect::<Vec<_>>().join("x");
        writeln!(lines, "{key}:{shape}").expect("a string takes all");
    }
    lines
}

#[test]
fn every_name_and_shape_is_the_librarys() {
    let mut compared = 0;
    for name in names() {
        for layout in network(&name).layouts {
            let scheme = Scheme::by_name(&layout.scheme).expect("a scheme of ours");
            let lines = lines(&name, scheme, layout.places);
            assert_eq!(lines.lines().count(), layout.tensors, "{name} by {scheme} names:\n{lines}");
            let md5: String = md5::Md5::digest(&lines).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(md5, layout.md5, "{name} by {scheme} names differs from the library:\n{lines}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} layouts");
}
