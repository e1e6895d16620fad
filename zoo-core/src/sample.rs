//! Networks for the tests of everything that reads a plan.

use crate::Registry;
use crate::plan::Plan;

/// Networks that differ in blocks, depth, width and size.
pub(crate) const MODELS: [&str; 10] = [
    "mobilenet-v1",
    "mobilenet-v2",
    "mobilenet-v3-large",
    "mobilenet-v3-small-minimalistic",
    "efficientnet-b0",
    "efficientnet-b7",
    "shufflenet-v2",
    "ghostnet",
    "tutorial-efficientnet-b0",
    "tutorial-mobilenet-v3-small",
];

/// A network by its name.
pub(crate) fn plan(model: &str) -> Plan {
    let entry = Registry::default().find(model).unwrap();
    Plan::new(entry.architecture, &entry.variant.options).unwrap()
}
