//! Every published or independently computed count of the families, against ours, to the last digit.
//!
//! `figures/canonical_counts.csv` holds parameters, norm buffers and MACs by an independent calculator that agrees with
//! Keras, torchvision and timm; `figures/tutorial_counts.csv` the counts of the tutorial's own code, run in Keras.

use std::collections::HashMap;

use zoo_core::{Cost, Options, Plan, PlanError, Registry};

type Row = HashMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<Result<_, _>>().expect("the figures are well-formed CSV")
}

fn number<T: std::str::FromStr>(row: &Row, column: &str) -> Option<T> {
    row[column].parse().ok()
}

/// The variant of ours that a row of the independent calculator describes, before width and depth are set.
fn our_name(model: &str) -> String {
    match model {
        "mobilenetv2_110d" => "mobilenet-v2-110d".into(),
        "mobilenetv2_120d" => "mobilenet-v2-120d".into(),
        other => other.replace('_', "-"),
    }
}

fn profile(note: &str) -> &'static str {
    match note {
        note if note.contains("stage-2 stride 1") => "cifar",
        note if note.contains("stem stride 1") => "stem1",
        _ => "native",
    }
}

fn cost_of(registry: &Registry, name: &str, options: impl FnOnce(Options) -> Options, profile: &str) -> Cost {
    let entry = registry.find(name).expect("the figures name variants");
    let options = options(entry.variant.options);
    let profile = entry.architecture.profile(profile).expect("every table has the profile");
    Plan::new(entry.architecture, &Options { profile, ..options }).expect("the figures are in range").cost
}

#[test]
fn canonical_counts_equal_ours_where_the_rules_are_ours() {
    let registry = Registry::default();
    let all = rows(include_str!("figures/canonical_counts.csv"));
    assert_eq!(all.len(), 189);
    let mut others = Vec::new();
    for row in &all {
        let options = |variant: Options| Options {
            width: number(row, "width").unwrap_or(variant.width),
            depth: number(row, "depth").unwrap_or(variant.depth),
            input_size: number(row, "resolution").unwrap(),
            classes: number(row, "classes").unwrap(),
            ..variant
        };
        let ours = cost_of(&registry, &our_name(&row["model"]), options, profile(&row["note"]));
        let theirs = Cost {
            params: number(row, "params_trainable").unwrap(),
            buffers: number(row, "bn_buffers").unwrap(),
            macs: number(row, "macs").unwrap(),
        };
        if ours != theirs {
            others.push(format!("{} {} at {}", row["impl"], row["model"], row["width"]));
        }
    }
    assert_eq!(all.len() - others.len(), 160, "{others:#?}");
    // The rest is MobileNetV3 at other widths than 1 by authors who scale by another rule than timm's.
    for other in &others {
        assert!(other.contains("mobilenet_v3") && !other.starts_with("timm") && !other.ends_with("at 1.0"), "{other}");
    }
}

#[test]
fn the_tutorials_counts_equal_those_of_its_own_code() {
    let registry = Registry::default();
    let all = rows(include_str!("figures/tutorial_counts.csv"));
    assert_eq!(all.len(), 31);
    for row in &all {
        let name = format!("tutorial-{}", row["model"].replace('_', "-"));
        let options = |variant: Options| Options {
            width: number(row, "alpha").unwrap_or(variant.width),
            input_size: number(row, "resolution").unwrap(),
            classes: number(row, "classes").unwrap(),
            ..variant
        };
        let ours = cost_of(&registry, &name, options, "native");
        let theirs = Cost {
            params: number(row, "seed_trainable").unwrap(),
            buffers: number(row, "seed_non_trainable").unwrap(),
            macs: number(row, "seed_macs").unwrap(),
        };
        assert_eq!(ours, theirs, "{name} {}", row["alpha"]);
        let total: u64 = number(row, "seed_total").unwrap();
        assert_eq!(ours.params + ours.buffers, total);
    }
}

#[test]
fn every_variant_has_a_claim_for_parameters_and_macs() {
    for entry in Registry::default().entries() {
        let name = entry.variant.name;
        let claimed = entry.architecture.claims.iter().any(|claim| {
            claim.name == name
                && claim.options == entry.variant.options
                && claim.params.is_some()
                && claim.macs.is_some()
        });
        assert!(claimed, "{name} has no claim at its own input size and classes");
    }
}

#[test]
fn options_out_of_range_are_errors_and_odd_ones_are_answers() {
    let registry = Registry::default();
    for entry in registry.entries() {
        let base = entry.variant.options;
        let plan = |options: Options| Plan::new(entry.architecture, &options);
        for width in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(plan(Options { width, ..base }).is_err(), "width {width}");
        }
        for depth in [0.0, f64::NAN, 1e9] {
            assert!(plan(Options { depth, ..base }).is_err(), "depth {depth}");
        }
        for input_size in [0, u32::MAX] {
            assert!(plan(Options { input_size: input_size.into(), ..base }).is_err(), "input size {input_size}");
        }
        assert!(plan(Options { classes: 0, ..base }).is_err());
        for (width, depth, input_size) in
            [(1e-9, 1.0, 224), (64.0, 1.0, 65_535), (1.0, 4.0, 1), (1.0, 0.01, 7), (64.0, 64.0, 65_535)]
        {
            match plan(Options { width, depth, input_size: input_size.into(), ..base }) {
                Ok(plan) => assert!(plan.cost.params > 0 && plan.cost.macs > 0),
                // Patches without padding need a map that they fit in. The largest networks have over 2⁶⁴ MACs or too many
                // operations; some are as deep as that to begin with.
                Err(PlanError::SmallMap { .. }) if input_size < 32 => {}
                Err(PlanError::Count | PlanError::Operations) if width * depth >= 64.0 => {}
                Err(error) => panic!("{} at {width}, {depth}, {input_size}: {error}", entry.variant.name),
            }
        }
    }
}
