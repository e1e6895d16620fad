use super::*;
use crate::sample::{self, MODELS};

fn compare(model: &str, against: &str) -> Comparison {
    let (left, right) = (sample::plan(model), sample::plan(against));
    Comparison::new(
        Named { plan: &left, model, profile: "native" },
        Named { plan: &right, model: against, profile: "native" },
    )
}

#[test]
fn differences_sum_to_the_difference_of_the_totals() {
    for model in MODELS {
        for against in MODELS {
            let comparison = compare(model, against);
            let params: i128 = comparison.differences.iter().map(|row| row.params).sum();
            let macs: i128 = comparison.differences.iter().map(|row| row.macs).sum();
            assert_eq!((params, macs), (comparison.params, comparison.macs), "{model} against {against}");
        }
    }
}

#[test]
fn a_network_does_not_differ_from_itself() {
    let comparison = compare("efficientnet-b7", "efficientnet-b7");
    assert_eq!(comparison.differences, []);
    assert!(comparison.to_string().contains("nothing differs"));
}

#[test]
fn the_tutorial_differs_in_every_squeeze_but_the_first() {
    let comparison = compare("tutorial-efficientnet-b0", "efficientnet-b0");
    assert_eq!((comparison.params, comparison.macs), (3_135_300, 3_133_440));
    assert!(comparison.differences.iter().all(|row| row.name.contains(".se.") && row.params > 0));
    assert_eq!(
        comparison.differences.iter().filter(|row| row.name.ends_with("reduce")).map(|row| row.blocks).sum::<usize>(),
        15
    );
    let text = comparison.to_string();
    assert!(
        text.contains("+59.3 %") && text.contains("1x1 conv, 96 to 24") && text.contains("1x1 conv, 96 to 4"),
        "{text}"
    );
}

#[test]
fn missing_blocks_are_one_row_a_stage() {
    let comparison = compare("efficientnet-b7", "efficientnet-b0");
    let missing: Vec<_> = comparison
        .differences
        .iter()
        .filter(|row| row.against.is_none() && row.name.matches('.').count() == 2)
        .collect();
    assert_eq!(missing.len(), 7);
    assert_eq!(missing[0].name, "stages.0.1-3");
    assert_eq!(missing[0].model.as_deref(), Some("3 blocks"));
    let fewer = compare("efficientnet-b0", "efficientnet-b7");
    assert_eq!(fewer.differences.len(), comparison.differences.len());
    assert_eq!(fewer.params, -comparison.params);
}

#[test]
fn tables_fit_the_page() {
    for model in MODELS {
        let text = compare(model, "efficientnet-b0").to_string();
        // The layers of branches have the longest names.
        assert!(text.lines().all(|line| line.chars().count() <= 125), "{text}");
    }
}
