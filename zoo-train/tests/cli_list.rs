//! `list` and `show`: contracts of their formats, which scripts rely on.

#[path = "common/command.rs"]
mod command;

use std::path::Path;
use std::process::Stdio;

use command::{Output, csv_of, run};
use serde_json::Value;
use tempfile::tempdir;

#[track_caller]
fn zoo(arguments: &[&str]) -> Output {
    run(Path::new("."), arguments)
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    serde_json::from_slice(&zoo(arguments).code(0).stdout).unwrap()
}

#[test]
fn the_csv_list_begins_with_its_documented_columns() {
    let list = csv_of(&zoo(&["list", "--format", "csv"]).code(0).stdout);
    let begin = ["model", "family", "width", "depth", "input_size", "params", "buffers", "macs"];
    assert_eq!(list.header[..8], begin);
    assert!(list.rows.len() >= 64, "{} rows", list.rows.len());
    let v2 = list.rows.iter().find(|row| row["model"] == "mobilenet-v2").unwrap();
    assert_eq!((v2["params"].as_str(), v2["macs"].as_str()), ("3504872", "300774272"));
    assert_eq!((v2["family"].as_str(), v2["input_size"].as_str()), ("mobilenet-v2", "224"));
}

#[test]
fn the_formats_of_the_list_agree() {
    let rows = csv_of(&zoo(&["list", "--format", "csv"]).code(0).stdout).rows;
    let objects = json(&["list", "--format", "json"]);
    let table = zoo(&["list"]).code(0).text();
    let objects = objects.as_array().unwrap();
    assert_eq!((rows.len(), table.lines().count()), (objects.len(), objects.len() + 1));
    for ((row, object), line) in rows.iter().zip(objects).zip(table.lines().skip(1)) {
        let model = object["model"].as_str().unwrap();
        assert_eq!((row["model"].as_str(), line.split_whitespace().next().unwrap()), (model, model));
        for column in ["params", "buffers", "macs", "input_size"] {
            assert_eq!(row[column], object[column].to_string(), "{model} {column}");
        }
    }
}

#[test]
fn a_glob_chooses_names_and_one_that_matches_none_is_refused() {
    let some = csv_of(&zoo(&["list", "efficientnet-b?", "--format", "csv"]).code(0).stdout);
    assert_eq!(some.rows.len(), 9);
    for format in ["table", "csv", "json"] {
        let output = zoo(&["list", "vgg*", "--format", format]).refused(&["vgg*"]);
        assert!(output.stdout.is_empty());
    }
}

/// Runs the command with a reader that has gone away, as `head` has once it is done.
fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child =
        command::zoo(Path::new("."), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [
        &["list"][..],
        &["list", "--format", "csv"],
        &["list", "--format", "json"],
        &["show", "efficientnet-b7"],
        &["show", "efficientnet-b7", "--format", "json"],
        &["show", "efficientnet-b7", "--format", "svg"],
        &["show", "efficientnet-b0", "--against", "mobilenet-v2"],
    ] {
        assert_eq!(unread(arguments), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn the_doctor_takes_a_reader_that_goes_away_calmly() {
    assert_eq!(unread(&["doctor", "--data-dir", "nowhere"]), (Some(0), String::new()));
}

const SHOWN: [&str; 5] =
    ["mobilenet-v1-0.5", "mobilenet-v2", "mobilenet-v3-large-0.75", "efficientnet-b2", "tutorial-efficientnet-b0"];

#[test]
fn a_model_as_json_has_its_documented_keys_and_layers_sum_to_the_totals() {
    for model in SHOWN {
        let shown = json(&["show", model, "--format", "json"]);
        for key in
            ["model", "width", "depth", "input_size", "classes", "profile", "params", "buffers", "macs", "layers"]
        {
            assert!(!shown[key].is_null(), "{model} has no {key}");
        }
        assert_eq!(
            (&shown["model"], &shown["classes"], &shown["profile"]),
            (&model.into(), &1000.into(), &"native".into())
        );
        let layers = shown["layers"].as_array().unwrap();
        for layer in layers {
            for key in ["name", "op", "input", "output", "params", "macs"] {
                assert!(!layer[key].is_null(), "{model}: no {key} in {layer}");
            }
            assert!(
                ["input", "output"].iter().all(|key| layer[*key].as_array().unwrap().len() == 3),
                "{model}: {layer}"
            );
        }
        for key in ["params", "macs"] {
            let sum: u64 = layers.iter().map(|layer| layer[key].as_u64().unwrap()).sum();
            assert_eq!(Some(sum), shown[key].as_u64(), "{model} {key}");
        }
        let listed = json(&["list", model, "--format", "json"]);
        for key in ["params", "buffers", "macs", "width", "depth", "input_size"] {
            assert_eq!(shown[key], listed[0][key], "{model} {key}");
        }
    }
}

#[test]
fn options_are_in_force_in_what_is_shown() {
    let flags = "show mobilenet-v2 --width 0.5 --depth 2 --input-size 32 --classes 10 --profile cifar --format json";
    let shown = json(&flags.split(' ').collect::<Vec<_>>());
    assert_eq!((shown["width"].as_f64(), shown["depth"].as_f64()), (Some(0.5), Some(2.0)));
    assert_eq!((shown["input_size"].as_u64(), shown["classes"].as_u64()), (Some(32), Some(10)));
    assert_eq!(shown["profile"], "cifar");
    let layers = shown["layers"].as_array().unwrap();
    assert_eq!(layers[0]["output"].as_array().unwrap()[1..], [32, 32]);
    assert_eq!(layers.last().unwrap()["output"][0], 10);
    for wrong in [["--width", "0"], ["--depth", "nan"], ["--input-size", "0"], ["--classes", "0"], ["--profile", "no"]]
    {
        zoo(&["show", "mobilenet-v2", wrong[0], wrong[1]]).refused(&[]);
    }
}

#[test]
fn drawings_are_of_their_format() {
    for (format, begin, end) in [("svg", "<svg", "</svg>"), ("pdf", "%PDF-", "%%EOF"), ("dot", "digraph", "}")] {
        for more in [&[][..], &["--expand"]] {
            let bytes = zoo(&[&["show", "mobilenet-v3-small", "--format", format], more].concat()).code(0).stdout;
            let text = String::from_utf8_lossy(&bytes);
            let body =
                text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(&*text, |(_, body)| body);
            assert!(body.trim_start().starts_with(begin), "{format}: {}", &text[..60.min(text.len())]);
            assert!(text.trim_end().ends_with(end), "{format}");
        }
    }
}

#[test]
fn a_drawing_in_pixels_is_that_of_the_vectors() {
    let bytes = zoo(&["show", "mobilenet-v3-small-0.35", "--format", "png"]).code(0).stdout;
    assert!(bytes.starts_with(b"\x89PNG"));
    let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert!(side(16) > 500 && side(20) > 500, "{} x {}", side(16), side(20));
    let expanded = zoo(&["show", "mobilenet-v3-small-0.35", "--format", "png", "--expand"]).code(0).stdout;
    assert!(u32::from_be_bytes(expanded[20..24].try_into().unwrap()) > side(20));
}

#[test]
fn output_goes_to_a_file_where_one_is_named() {
    let folder = tempdir().unwrap();
    let flags = ["show", "mobilenet-v2", "--format", "json"];
    let printed = run(folder.path(), &flags).code(0).stdout;
    let written = run(folder.path(), &[&flags[..], &["--output", "v2.json"]].concat()).code(0);
    assert!(written.stdout.is_empty());
    assert_eq!(std::fs::read(folder.path().join("v2.json")).unwrap(), printed);
    run(folder.path(), &[&flags[..], &["--output", "no/v2.json"]].concat()).refused(&["no/v2.json"]);
}

#[test]
fn what_differs_between_two_models_sums_to_the_difference_of_their_totals() {
    for (model, other) in [
        ("mobilenet-v2", "mobilenet-v1"),
        ("efficientnet-b0", "tutorial-efficientnet-b0"),
        ("mobilenet-v3-large", "mobilenet-v3-large-minimalistic"),
        ("mobilenet-v2", "mobilenet-v2"),
    ] {
        let found = json(&["show", model, "--against", other, "--format", "json"]);
        let differences = found["differences"].as_array().unwrap();
        for key in ["params", "macs"] {
            let sum: i64 = differences.iter().map(|difference| difference[key].as_i64().unwrap()).sum();
            let [one, two] = ["model", "against"].map(|which| found[which][key].as_i64().unwrap());
            assert_eq!(sum, one - two, "{model} against {other}: {key}");
        }
        assert_eq!(differences.is_empty(), model == other);
        let table = zoo(&["show", model, "--against", other]).code(0).text();
        assert!(table.contains(model) && table.contains(other));
    }
    zoo(&["show", "mobilenet-v2", "--against", "mobilenet-v1", "--format", "svg"]).refused(&["--against", "table"]);
}

#[test]
fn a_grid_has_a_row_for_every_combination_of_its_axes() {
    let flags = "list mobilenet-v1 --widths 1,0.25 --depths 1,2 --input-sizes 224,128 --format csv";
    let list = csv_of(&zoo(&flags.split(' ').collect::<Vec<_>>()).code(0).stdout);
    let cells: Vec<_> = list
        .rows
        .iter()
        .map(|row| ["width", "depth", "input_size"].map(|column| row[column].as_str()).join(" "))
        .collect();
    let expected = ["1 1 224", "1 1 128", "1 2 224", "1 2 128", "0.25 1 224", "0.25 1 128", "0.25 2 224", "0.25 2 128"];
    assert_eq!(cells, expected);
    assert_eq!((list.rows[1]["macs"].as_str(), list.rows[4]["macs"].as_str()), ("186400768", "41030272"));
    zoo(&["list", "mobilenet-v1", "--widths", "1,0"]).refused(&["mobilenet-v1", "width multiplier 0"]);
}

#[test]
fn counts_are_added_to_a_file_once() {
    let folder = tempdir().unwrap();
    let add = |widths| {
        let flags = ["list", "mobilenet-v2", "--widths", widths, "--append", "-o", "count.csv"];
        run(folder.path(), &flags)
    };
    assert!(add("1,0.5").code(0).text().contains("2 of 2 rows added"));
    assert!(add("0.5,0.35").code(0).text().contains("1 of 2 rows added"));
    let widths: Vec<_> =
        command::csv(&folder.path().join("count.csv")).rows.iter().map(|row| row["width"].clone()).collect();
    assert_eq!(widths, ["1", "0.5", "0.35"]);

    std::fs::write(folder.path().join("count.csv"), "model,width\nmobilenet-v2,1\n").unwrap();
    add("1").refused(&["count.csv", "another header"]);
    run(folder.path(), &["list", "--append"]).code(2);
}
