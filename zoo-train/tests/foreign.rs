//! What files of others say of their network, in words or by their names, and what it is called in Python afterwards.

#[path = "common/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::path::Path;

use command::{Output, run, run_folder, train};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;
use zoo_core::model::{Model, ModelOptions};
use zoo_core::weights::{Scheme, TensorFile, named, write_safetensors};
use zoo_core::{Options, Plan, Registry};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Fresh weights of `model` with ten classes under a library's names, with one word of metadata.
fn write(path: &Path, model: &str, scheme: Scheme, word: Option<(&str, &str)>) {
    write_changed(path, model, scheme, word, |_, tensor| tensor);
}

fn write_changed(
    path: &Path,
    model: &str,
    scheme: Scheme,
    word: Option<(&str, &str)>,
    change: impl Fn(&str, Tensor) -> Tensor,
) {
    let entry = Registry::default().find(model).unwrap();
    let options = Options { classes: 10, input_size: 32.into(), ..entry.variant.options };
    let plan = Plan::new(entry.architecture, &options).unwrap();
    let model = Model::new(plan, &ModelOptions { device: Device::Cpu, kind: Kind::Float, seed: 1 }).unwrap();
    let tensors = named(&model, entry.architecture, scheme).unwrap();
    let tensors: Vec<(String, Tensor)> = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let changed = change(&name, tensor);
            (name, changed)
        })
        .collect();
    let metadata = word.map(|(key, value)| (key.to_string(), value.to_string())).into_iter().collect();
    write_safetensors(path, &tensors, &metadata).unwrap();
}

fn evaluated(folder: &Path, more: &str) -> Output {
    let line = format!("eval --dataset synthetic --limit-test 20 --crop 32 --threads 1 --format json {more}");
    run(folder, &words(&line))
}

fn json(output: Output) -> Value {
    serde_json::from_slice(&output.code(0).stdout).unwrap()
}

#[test]
fn the_name_of_a_network_spares_the_flag_and_decides_padding_and_epsilon() {
    let folder = tempdir().unwrap();
    let model = "mobilenet-v3-small-0.75";
    let at = |name: &str| folder.path().join(name);
    write(&at("tf.safetensors"), model, Scheme::Timm, Some(("arch", "tf_mobilenetv3_small_075")));
    write(&at("plain.safetensors"), model, Scheme::Timm, Some(("arch", "mobilenetv3_small_075.lamb_in1k")));
    write(&at("stranger.safetensors"), model, Scheme::Timm, Some(("arch", "resnet152")));

    let tf = json(evaluated(folder.path(), "--weights tf.safetensors"));
    let found = &tf["preprocessing"];
    assert_eq!((&tf["model"], &found["padding"], &found["bn_eps"]), (&model.into(), &"same".into(), &0.001.into()));
    assert_eq!((&found["why"]["padding"], &found["mean"][0]), (&"arch in the file".into(), &0.5.into()));
    let flagged = json(evaluated(folder.path(), "--weights tf.safetensors --padding symmetric"));
    assert_eq!(flagged["preprocessing"]["padding"], "symmetric");
    assert_ne!(tf["loss"], flagged["loss"]);
    let plain = json(evaluated(folder.path(), "--weights plain.safetensors"));
    let found = &plain["preprocessing"];
    assert_eq!(
        (&plain["model"], &found["padding"], &found["bn_eps"]),
        (&model.into(), &"symmetric".into(), &1e-5.into())
    );

    let other = evaluated(folder.path(), "--weights tf.safetensors --model mobilenet-v2");
    other.refused(&["tf.safetensors holds mobilenet-v3-small-0.75, not mobilenet-v2", "--model"]);
    evaluated(folder.path(), "--weights stranger.safetensors").refused(&["`resnet152`", "--model"]);
    let named = json(evaluated(folder.path(), &format!("{model} --weights stranger.safetensors")));
    assert_eq!(named["model"], model);
}

#[test]
fn files_of_torchvision_get_their_own_preparation() {
    let folder = tempdir().unwrap();
    let resize = |name: &str, model: &str| {
        let file = format!("{name}.safetensors");
        if !folder.path().join(&file).exists() {
            write(&folder.path().join(&file), model, Scheme::Torchvision, None);
        }
        let line = format!("predict --weights {file} --top 1 --images picture.png");
        run(folder.path(), &words(&line)).code(0).stderr
    };
    picture(&folder.path().join("picture.png"), 40);
    assert!(
        resize("mobilenet_v2-7ebf99e0", "mobilenet-v2")
            .starts_with("resize 232 (file name), bilinear (file name), crop 224")
    );
    assert!(
        resize("mobilenet_v2-b0353104", "mobilenet-v2")
            .starts_with("resize 256 (file name), bilinear (file name), crop 224")
    );
    let large = resize("mobilenet_v3_large-5c1a4163", "mobilenet-v3-large");
    assert!(large.starts_with("resize 232 (file name)") && large.contains("norm eps 1e-3 (file name)"), "{large}");
    let line = "predict mobilenet-v3-small --weights mobilenet_v2-7ebf99e0.safetensors --images picture.png";
    run(folder.path(), &words(line)).refused(&["holds mobilenet-v2, not mobilenet-v3-small"]);
}

fn picture(path: &Path, side: u32) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), side, side);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..side * side * 3).map(|index| (index % 251) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// Logits of three images by `flags`.
fn logits(folder: &Path, flags: &str) -> Tensor {
    let input = folder.join("in.safetensors");
    if !input.exists() {
        let images = Tensor::arange(3 * 3 * 32 * 32, (Kind::Float, Device::Cpu)).sin().view([3, 3, 32, 32]);
        write_safetensors(&input, &[("input".into(), images)], &BTreeMap::new()).unwrap();
    }
    let line = format!("predict {flags} --tensor in.safetensors --output out.safetensors --threads 1");
    run(folder, &words(&line)).code(0);
    TensorFile::read(&folder.join("out.safetensors")).unwrap().tensor("logits").unwrap()
}

#[test]
fn strides_and_width_can_be_said_of_weights_that_do_not_say_them() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let word =
        |name: &str, value: &str| write(&at(name), "mobilenet-v3-small", Scheme::Timm, Some(("zoo.profile", value)));
    word("cifar.safetensors", "cifar");
    write(&at("silent.safetensors"), "mobilenet-v3-small", Scheme::Timm, None);
    let model = "--model mobilenet-v3-small";
    let said = logits(folder.path(), &format!("{model} --weights cifar.safetensors"));
    assert_eq!(said, logits(folder.path(), &format!("{model} --weights silent.safetensors --profile cifar")));
    assert_ne!(said, logits(folder.path(), &format!("{model} --weights silent.safetensors")));
    assert_eq!(
        logits(folder.path(), &format!("{model} --weights cifar.safetensors --profile native")),
        logits(folder.path(), &format!("{model} --weights silent.safetensors"))
    );
    // The table's width 0.75 is a variant, too.
    write(&at("narrow.safetensors"), "mobilenet-v3-small-0.75", Scheme::Timm, None);
    let narrow = logits(folder.path(), &format!("{model} --width 0.75 --weights narrow.safetensors"));
    assert_eq!(narrow, logits(folder.path(), "--model mobilenet-v3-small-0.75 --weights narrow.safetensors"));
    let line = format!("predict {model} --weights narrow.safetensors --tensor in.safetensors --output out.safetensors");
    run(folder.path(), &words(&line)).refused(&["narrow.safetensors"]);
}

#[test]
fn every_engine_gives_the_same_logits() {
    let folder = tempdir().unwrap();
    write(&folder.path().join("w.safetensors"), "mobilenet-v3-small-0.35", Scheme::Timm, None);
    let by = |engine: &str| {
        let flags = format!("mobilenet-v3-small-0.35 --weights w.safetensors --engine {engine}");
        let top1 = json(evaluated(folder.path(), &flags))["loss"].as_f64().unwrap();
        (logits(folder.path(), &flags), top1)
    };
    let (eager, loss) = by("eager");
    for mode in ["libtorch", "zoo"] {
        let (logits, other) = by(mode);
        let off = (&logits - &eager).abs().max().double_value(&[]);
        assert!(off < 1e-4 && (loss - other).abs() < 1e-4, "{mode}: {off}, {loss} {other}");
    }
    evaluated(folder.path(), "mobilenet-v3-small-0.35 --weights w.safetensors --engine onnx").code(2);
}

#[test]
fn an_export_says_how_python_must_make_the_network() {
    let folder = tempdir().unwrap();
    write(
        &folder.path().join("w.safetensors"),
        "mobilenet-v3-small",
        Scheme::Zoo,
        Some(("zoo.model", "mobilenet-v3-small")),
    );
    let export = |more: &str| run(folder.path(), &words(&format!("export --weights w.safetensors {more}")));
    let said = export("--profile stem1 --bn-eps 1e-3 -o t.safetensors").code(0).text();
    let expected = "in Python:\n    \
                    import timm, safetensors.torch\n    \
                    model = timm.create_model(\"mobilenetv3_small_100\", num_classes=10, bn_eps=0.001)\n    \
                    model.get_submodule(\"conv_stem\").stride = (1, 1)\n    \
                    model.load_state_dict(safetensors.torch.load_file(\"t.safetensors\"))\n    \
                    model.eval()\n";
    assert!(said.ends_with(expected), "{said}");
    let same = export("--padding same --bn-eps 1e-3 -o t.safetensors").code(0).text();
    assert!(same.contains("num_classes=10, pad_type=\"same\", bn_eps=0.001)"), "{same}");

    export("--padding same --scheme torchvision -o same.safetensors").refused(&[
        "torchvision",
        "same",
        "--scheme timm",
    ]);
    assert!(!folder.path().join("same.safetensors").exists());
    export("-o tuned.bin").refused(&["safetensors", "tuned.bin", "--output tuned.safetensors"]);
    assert!(!folder.path().join("tuned.bin").exists());
}

#[test]
fn logits_that_are_no_numbers_are_an_error() {
    let folder = tempdir().unwrap();
    let model = "mobilenet-v3-small-0.35";
    let huge = |_: &str, tensor: Tensor| match tensor.dim() {
        4 => tensor * 1e30,
        _ => tensor,
    };
    write_changed(&folder.path().join("w.safetensors"), model, Scheme::Timm, None, huge);
    picture(&folder.path().join("a.png"), 40);
    logits_input(folder.path());
    let flags = format!("--model {model} --weights w.safetensors");
    run(folder.path(), &words(&format!("predict {flags} --images a.png"))).refused(&["a.png", "NaN or infinite"]);
    let line = format!("predict {flags} --tensor in.safetensors --output out.safetensors");
    run(folder.path(), &words(&line)).refused(&["image 0 of in.safetensors", "NaN or infinite"]);
    assert!(!folder.path().join("out.safetensors").exists());
    evaluated(folder.path(), &flags).refused(&["not finite"]);
}

fn logits_input(folder: &Path) {
    let images = Tensor::ones([2, 3, 32, 32], (Kind::Float, Device::Cpu));
    write_safetensors(&folder.join("in.safetensors"), &[("input".into(), images)], &BTreeMap::new()).unwrap();
}

#[test]
fn classes_that_only_place_matches_are_said_in_natural_order() {
    let folder = tempdir().unwrap();
    let model = "mobilenet-v3-small-0.35";
    for class in ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"] {
        let place = folder.path().join("numbers/val").join(class);
        std::fs::create_dir_all(&place).unwrap();
        picture(&place.join("1.png"), 40);
    }
    // Logit 9 is always the largest.
    let tenth = |name: &str, tensor: Tensor| match name {
        "classifier.bias" => tensor.zeros_like() + Tensor::from_slice(&[0f32, 0., 0., 0., 0., 0., 0., 0., 0., 100.]),
        "classifier.weight" => tensor.zeros_like(),
        _ => tensor,
    };
    write_changed(&folder.path().join("w.safetensors"), model, Scheme::Timm, None, tenth);
    let line = format!("eval {model} --weights w.safetensors --dataset folder:numbers --crop 32 --format json");
    let output = run(folder.path(), &words(&line)).code(0);
    let order = "by place, because the weights do not name them: logit 0 is 1, logit 1 is 2, logit 2 is 3";
    assert!(output.stderr.contains(order) && output.stderr.contains("logit 9 is 10"), "{}", output.stderr);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["top1"], &found["top1_subset"]), (&10.0.into(), &Value::Null));
    for class in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
        std::fs::remove_dir_all(folder.path().join("numbers/val").join(class)).unwrap();
    }
    let alone = run(folder.path(), &words(&line));
    // Ten logits, and the one class that is there has the number ten: no logit has.
    alone.refused(&["10 classes", "1 of its own"]);
}

#[test]
fn a_classifier_that_is_kept_for_other_classes_is_said_before_training() {
    let folder = tempdir().unwrap();
    write(&folder.path().join("w.safetensors"), "mobilenet-v3-small-0.35", Scheme::Zoo, None);
    let said = train(folder.path(), &["--weights", "w.safetensors", "--steps", "1"]).code(0).stderr;
    assert!(said.contains("w.safetensors: its classifier is kept, and classes are matched by place"), "{said}");
    assert!(said.contains("logit 0 is class-0, logit 1 is class-1"), "{said}");
    let best = run_folder(folder.path()).join("best.safetensors");
    let again = train(folder.path(), &["--weights", best.to_str().unwrap(), "--steps", "1", "--results", "again"]);
    let said = again.code(0).stderr;
    assert!(!said.contains("matched by place"), "{said}");
}
