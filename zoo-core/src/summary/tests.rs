use super::*;
use crate::sample::{self, MODELS};

fn summary(model: &str) -> Summary {
    Summary::new(Named { plan: &sample::plan(model), model, profile: "native" })
}

#[test]
fn layers_and_stages_sum_to_the_cost() {
    for model in MODELS {
        let summary = summary(model);
        let layers = summary.layers.iter().fold((0, 0), |sum, layer| (sum.0 + layer.params, sum.1 + layer.macs));
        let stages = summary.stages.iter().fold((0, 0), |sum, stage| (sum.0 + stage.params, sum.1 + stage.macs));
        assert_eq!(layers, (summary.params, summary.macs));
        assert_eq!(stages, (summary.params, summary.macs));
        assert_eq!(summary.stages.iter().map(|stage| stage.buffers).sum::<u64>(), summary.buffers);
    }
}

#[test]
fn text_names_totals_and_fits_eighty_columns() {
    let text = summary("efficientnet-b0").to_string();
    for figure in ["5,288,548", "42,016", "5,330,564", "385,814,752"] {
        assert!(text.contains(figure), "{figure} is missing:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(summary("efficientnet-b7").to_string().lines().all(|line| line.chars().count() <= 82));
}

#[test]
fn layer_names_are_unique() {
    for model in MODELS {
        let mut names: Vec<String> = summary(model).layers.into_iter().map(|layer| layer.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{model}");
    }
}

#[test]
fn branches_are_told_by_the_names_of_layers() {
    let text = summary("shufflenet-v2").to_string();
    for words in
        ["branch1.depthwise.conv", "branch2.project.norm", "narrow.1", "channels 58 to 115", "concat", "shuffle of 2"]
    {
        assert!(text.contains(words), "{words} is missing:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
}

#[test]
fn data_has_the_contracted_keys() {
    let value = serde_json::to_value(summary("efficientnet-b0")).unwrap();
    for key in ["model", "width", "depth", "input_size", "classes", "profile", "params", "buffers", "macs", "layers"] {
        assert!(value.get(key).is_some(), "{key}");
    }
    let expected = serde_json::json!({ "name": "stem.conv", "op": "conv", "input": [3, 224, 224],
        "output": [32, 112, 112], "params": 864, "macs": 10_838_016 });
    assert_eq!(value["layers"][0], expected);
}
