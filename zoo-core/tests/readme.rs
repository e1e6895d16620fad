//! The architecture that the guide adds compiles as it stands there, with its counts, and computes.

#[path = "readme/residual.rs"]
mod residual;

use residual::RESNET_CIFAR;
use zoo_core::{OpKind, Options, Plan};

#[test]
fn the_guide_shows_what_is_compiled_here() {
    let guide = include_str!("../../docs/add-an-architecture.md").replace("\r\n", "\n");
    let shown = include_str!("readme/residual.rs").replace("\r\n", "\n");
    assert!(
        guide.contains(&format!("```rust\n{shown}```\n")),
        "docs/add-an-architecture.md differs from tests/readme/residual.rs"
    );
    assert!(shown.lines().count() < 60, "the example is too long");
}

#[test]
fn its_shortcuts_are_projected_where_the_width_changes_and_never_dropped() {
    let options = Options { classes: 10, drop_path: 0.1, ..RESNET_CIFAR.variants[0].options };
    let plan = Plan::new(&RESNET_CIFAR, &options).unwrap();
    let projected = plan.ops.iter().filter(|op| op.part == "shortcut" && op.is_convolution());
    let projected: Vec<String> = projected.map(|op| op.block_name()).collect();
    assert_eq!(projected, ["stages.1.0", "stages.2.0"]);
    let sums: Vec<_> = plan.ops.iter().filter(|op| matches!(op.kind, OpKind::Add(_))).collect();
    assert_eq!(sums.len(), 9);
    for sum in sums {
        // What is dropped is the first value: the norm of the main path.
        let [main, shortcut] = sum.inputs.values() else { panic!("{sum:?} has two inputs") };
        assert_eq!(plan.ops[*main as usize - 1].part, "conv2");
        assert_ne!(plan.ops[*shortcut as usize - 1].part, "conv2");
    }
}
