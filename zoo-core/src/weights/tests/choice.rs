//! Weights of a network among whatever else is in a file: found, chosen, accounted for, or refused by name.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::super::sample::pickle::{dict, integer, tensor, text, tuple, vector};
use super::super::sample::{floats, torch_zip};
use super::super::{
    LoadReport, Scheme, Strictness, TensorFile, WeightsError, detect, load, named, networks_that_fit, write_safetensors,
};
use crate::model::{Model, ModelOptions};
use crate::{Entry, Options, Plan, Registry};

type Tensors = Vec<(String, Tensor)>;

fn entry(name: &str) -> Entry {
    Registry::default().find(name).unwrap()
}

fn model(name: &str, classes: u32, seed: i64) -> Model {
    let entry = entry(name);
    let options = Options { input_size: 32.into(), classes, ..entry.variant.options };
    Model::new(Plan::new(entry.architecture, &options).unwrap(), &ModelOptions { seed, ..ModelOptions::default() })
        .unwrap()
}

fn architecture(name: &str) -> &'static crate::Architecture {
    entry(name).architecture
}

const SMALL: &str = "mobilenet-v1-0.25";

/// A small network as timm names it.
fn weights(seed: i64) -> Tensors {
    named(&model(SMALL, 10, seed), architecture(SMALL), Scheme::Timm).unwrap()
}

fn behind(prefix: &str, tensors: &Tensors) -> Tensors {
    tensors.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone())).collect()
}

/// State dicts as PyTorch would pickle them, and their storages.
#[derive(Default)]
struct Pickled {
    storages: Vec<(String, Vec<u8>)>,
}

impl Pickled {
    fn dict(&mut self, tensors: &Tensors) -> Vec<u8> {
        let entries: Vec<(&str, Vec<u8>)> = tensors
            .iter()
            .map(|(name, values)| {
                let numbers = Vec::<f32>::try_from(values.to_kind(Kind::Float).flatten(0, -1)).unwrap();
                let shape: Vec<i32> = values.size().iter().map(|size| *size as i32).collect();
                let mut strides = vec![1; shape.len()];
                for axis in (1..shape.len()).rev() {
                    strides[axis - 1] = strides[axis] * shape[axis];
                }
                let key = self.storages.len().to_string();
                let storage = super::super::sample::pickle::storage("FloatStorage", &key, numbers.len() as i32);
                self.storages.push((key, floats(&numbers)));
                (name.as_str(), tensor(storage, 0, &shape, &strides))
            })
            .collect();
        dict(&entries)
    }

    fn file(self, object: &[u8]) -> TensorFile {
        let storages: Vec<(&str, Vec<u8>)> =
            self.storages.iter().map(|(key, data)| (key.as_str(), data.clone())).collect();
        TensorFile::parse(Path::new("w.pth"), torch_zip(object, &storages)).unwrap()
    }
}

fn chosen(mut file: TensorFile, name: &str) -> TensorFile {
    file.choose_for(architecture(name), model(name, 10, 9).plan());
    file
}

fn loaded(file: &TensorFile, strictness: Strictness) -> Result<(Model, LoadReport), WeightsError> {
    let mut model = model(SMALL, 10, 9);
    let report = load(&mut model, architecture(SMALL), file, strictness)?;
    Ok((model, report))
}

/// Whether the file fits to the last tensor, and its first weights are those of `tensors`.
fn holds(file: &TensorFile, tensors: &Tensors) -> bool {
    let (model, _) = loaded(file, Strictness::Exact).unwrap();
    model.parameters()[0].tensor == tensors[0].1
}

#[test]
fn weights_are_found_under_any_key_and_prefix() {
    let plain = weights(1);
    for key in ["net", "network", "params", "anything"] {
        let mut pickled = Pickled::default();
        let inner = pickled.dict(&plain);
        let other = pickled.dict(&vec![("classifier.weight".into(), Tensor::zeros([2], (Kind::Float, Device::Cpu)))]);
        let file = pickled.file(&dict(&[("state_dict", other), (key, inner), ("epoch", integer(1))]));
        assert!(holds(&chosen(file, SMALL), &plain), "{key}");
    }
    let mut pickled = Pickled::default();
    let inner = pickled.dict(&plain);
    let file = pickled.file(&tuple(&[integer(1), dict(&[("model", dict(&[("state_dict", inner)]))])]));
    let file = chosen(file, SMALL);
    assert_eq!(
        (file.container.as_deref(), file.account()),
        (Some("1.model.state_dict"), Some("weights from `1.model.state_dict`".into()))
    );
    assert!(holds(&file, &plain));
    for prefix in ["module.", "model.", "net.", "backbone.", "encoder.", "module.model.", "model._orig_mod."] {
        let mut pickled = Pickled::default();
        let mut tensors = behind(prefix, &plain);
        tensors.push(("criterion.centers".into(), Tensor::zeros([2], (Kind::Float, Device::Cpu))));
        tensors.push((format!("{prefix}conv_stem.total_ops"), Tensor::zeros([1], (Kind::Float, Device::Cpu))));
        let inner = pickled.dict(&tensors);
        let file = chosen(pickled.file(&dict(&[("state_dict", inner)])), SMALL);
        assert!(holds(&file, &plain), "{prefix}");
        let account = file.account().unwrap();
        assert_eq!(account, format!("weights from `state_dict` behind `{prefix}`; left out: `criterion.centers`"));
    }
}

#[test]
fn of_two_networks_the_one_whose_shapes_fit_is_taken_and_a_twin_is_said() {
    let (student, wide) =
        (weights(1), named(&model("mobilenet-v1", 10, 1), architecture(SMALL), Scheme::Timm).unwrap());
    let mut pickled = Pickled::default();
    let (teacher, own) = (pickled.dict(&wide), pickled.dict(&student));
    let file = chosen(pickled.file(&dict(&[("model", teacher), ("student", own)])), SMALL);
    assert!(holds(&file, &student));
    assert_eq!(file.account().unwrap(), "weights from `student`; left out: `model`");
    let mut pickled = Pickled::default();
    let both = [behind("student.", &student), behind("teacher.", &weights(2))].concat_shallow();
    let inner = pickled.dict(&both);
    let file = chosen(pickled.file(&inner), SMALL);
    assert!(holds(&file, &student));
    let account = file.account().unwrap();
    assert_eq!(account, "weights from the top level behind `student.`; left out: the top level behind `teacher.`");
}

/// Both lists, one behind the other.
trait Concat {
    fn concat_shallow(self) -> Tensors;
}

impl Concat for [Tensors; 2] {
    fn concat_shallow(self) -> Tensors {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn averages_of_others_are_reached_and_what_was_taken_is_said() {
    let (plain, averages) = (weights(1), weights(2));
    let count = || ("n_averaged".to_string(), Tensor::from(3i64));
    let swa = |tensors: &Tensors| [vec![count()], behind("module.", tensors)].concat_shallow();
    let forms: [(&str, Tensors, &str, Tensors, &str, &str); 5] = [
        ("state_dict", behind("", &plain), "state_dict_ema", behind("", &averages), "`state_dict`", "`state_dict_ema`"),
        ("model", behind("", &plain), "model_ema", swa(&averages), "`model`", "`model_ema` behind `module.`"),
        ("model", behind("", &plain), "best", swa(&averages), "`model`", "`best` behind `module.`"),
        ("net", behind("", &plain), "params_ema", behind("", &averages), "`net`", "`params_ema`"),
        (
            "current_model_state",
            behind("model.", &plain),
            "state_dict",
            behind("model.", &averages),
            "`current_model_state` behind `model.`",
            "`state_dict` behind `model.`",
        ),
    ];
    for (key, own, average_key, average, place, average_place) in forms {
        let mut pickled = Pickled::default();
        let (own, average) = (pickled.dict(&own), pickled.dict(&average));
        let mut file = chosen(pickled.file(&dict(&[(average_key, average), (key, own)])), SMALL);
        assert!(file.has_averages() && file.has_weights(), "{average_key}");
        assert!(holds(&file, &plain), "{average_key}");
        let account = file.account().unwrap();
        assert_eq!(account, format!("weights from {place}; averaged weights are in {average_place}"));
        file.prefer_averages();
        assert!(holds(&file, &averages), "{average_key}");
        let account = file.account().unwrap();
        assert_eq!(account, format!("averaged weights from {average_place}; the weights themselves are in {place}"));
    }
    // In one dictionary, as Lightning modules have them.
    let mut pickled = Pickled::default();
    let both = [behind("model.", &plain), behind("ema_model.module.", &averages)].concat_shallow();
    let inner = pickled.dict(&both);
    let mut file = chosen(pickled.file(&dict(&[("state_dict", inner)])), SMALL);
    assert!(holds(&file, &plain));
    file.prefer_averages();
    assert!(holds(&file, &averages));
    // Alone.
    let mut pickled = Pickled::default();
    let alone = pickled.dict(&swa(&averages));
    let file = chosen(pickled.file(&alone), SMALL);
    assert!(file.has_averages() && !file.has_weights() && holds(&file, &averages));
    assert_eq!(file.account().unwrap(), "averaged weights from the top level behind `module.`");
}

fn saved(tensors: &Tensors) -> TensorFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write_safetensors(&path, tensors, &std::collections::BTreeMap::new()).unwrap();
    chosen(TensorFile::read(&path).unwrap(), SMALL)
}

#[test]
fn a_file_without_a_classifier_is_for_training() {
    let mut tensors = behind("backbone.", &weights(1));
    tensors.retain(|(name, _)| !name.contains("classifier"));
    tensors.push(("fc.weight".into(), Tensor::zeros([5, 256], (Kind::Float, Device::Cpu))));
    let file = saved(&tensors);
    let (_, report) = loaded(&file, Strictness::Strict).unwrap();
    assert!(report.has_no_classifier && report.is_complete());
    assert!(report.to_string().contains("it has no classifier, so a new one is initialised"), "{report}");
    assert!(file.account().unwrap().ends_with("behind `backbone.`; left out: `fc.weight`"));
    let error = loaded(&file, Strictness::Exact).unwrap_err().to_string();
    assert!(error.contains("2 missing") && error.contains("`train --weights`"), "{error}");
    // A classifier of which a half is there is no new one.
    let mut tensors = weights(1);
    tensors.retain(|(name, _)| name != "classifier.bias");
    assert!(loaded(&saved(&tensors), Strictness::Strict).unwrap_err().to_string().contains("classifier.bias"));
}

#[test]
fn numbers_that_no_weights_are_are_refused_by_name() {
    let with = |name: &str, change: &dyn Fn(&Tensor) -> Tensor| {
        let mut tensors = weights(1);
        let tensor = &mut tensors.iter_mut().find(|(own, _)| own == name).unwrap().1;
        *tensor = change(tensor);
        loaded(&saved(&tensors), Strictness::Strict).map(drop)
    };
    let kinds = [
        (Kind::Int8, "int8"),
        (Kind::Int16, "int16"),
        (Kind::Int, "int32"),
        (Kind::Int64, "int64"),
        (Kind::Uint8, "uint8"),
        (Kind::Bool, "bool"),
    ];
    for (kind, name) in kinds {
        for tensor in ["conv_stem.weight", "bn1.running_var", "classifier.bias"] {
            let error = with(tensor, &|tensor| tensor.to_kind(kind)).unwrap_err().to_string();
            assert!(error.contains(&format!("`{tensor}` has type {name}")), "{error}");
        }
    }
    // The bits of floats under another name.
    let error = with("conv_stem.weight", &|tensor| tensor.view_dtype(Kind::Int)).unwrap_err().to_string();
    assert!(error.contains("`conv_stem.weight` has type int32"), "{error}");
    let error = with("conv_stem.weight", &|tensor| tensor.to_kind(Kind::Double) * 1e300).unwrap_err().to_string();
    assert!(error.contains("`conv_stem.weight`") && error.contains("not finite as float32"), "{error}");
    let error = with("bn1.running_var", &|tensor| -tensor).unwrap_err().to_string();
    assert!(error.contains("`bn1.running_var` has negative values"), "{error}");
    for kind in [Kind::Double, Kind::Half, Kind::BFloat16] {
        with("conv_stem.weight", &|tensor| tensor.to_kind(kind)).unwrap();
    }
    with("bn1.running_var", &Tensor::zeros_like).unwrap();
    with("bn1.num_batches_tracked", &|_| Tensor::from(7i64)).unwrap();
}

#[test]
fn what_does_not_fit_says_what_it_is_for() {
    let refusal = |tensors: &Tensors| loaded(&saved(tensors), Strictness::Strict).unwrap_err().to_string();
    let of = |name: &str, scheme| named(&model(name, 7, 1), architecture(name), scheme).unwrap();
    let error = refusal(&of("mobilenet-v1-0.75", Scheme::Timm));
    assert!(error.contains("; its tensors fit mobilenet-v1-0.75: give --model mobilenet-v1-0.75\n"), "{error}");
    let entry = entry(SMALL);
    let options = Options { width: 0.6, input_size: 32.into(), ..entry.variant.options };
    let odd = Model::new(Plan::new(entry.architecture, &options).unwrap(), &ModelOptions::default()).unwrap();
    let error = refusal(&named(&odd, architecture(SMALL), Scheme::Timm).unwrap());
    assert!(error.contains("its tensors fit mobilenet-v1 with --width 0.6\n"), "{error}");
    let error = refusal(&of("mobilenet-v3-small-0.35", Scheme::Torchvision));
    assert!(
        error.contains("no naming scheme fits this network") && error.contains("which fit mobilenet-v3-small-0.35"),
        "{error}"
    );
    let tensor = || Tensor::zeros([2], (Kind::Float, Device::Cpu));
    let error = refusal(&vec![("conv1.weight".into(), tensor()), ("layer1.0.conv1.weight".into(), tensor())]);
    let expected =
        "the file has 2 tensors such as `conv1.weight`, `layer1.0.conv1.weight`, which look like those of a ResNet";
    assert!(error.contains(expected), "{error}");
    // The layers of B0 are all in B1, which has more.
    let b1 = saved(&of("efficientnet-b1", Scheme::Lukemelas));
    assert_eq!(networks_that_fit(&Registry::default(), &b1), ["efficientnet-b1"]);
}

#[test]
fn early_ports_of_mobilenet_v2_are_known_by_their_names() {
    const NAME: &str = "mobilenet-v2-0.35";
    let original = model(NAME, 10, 1);
    let tensors = named(&original, architecture(NAME), Scheme::Tonylins).unwrap();
    let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "features.0.0.weight",
        "features.1.conv.0.weight",
        "features.1.conv.3.weight",
        "features.1.conv.4.running_var",
        "features.2.conv.0.weight",
        "features.2.conv.4.bias",
        "features.17.conv.7.running_mean",
        "features.18.1.weight",
        "classifier.weight",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    for (head, classifier) in
        [("features.18.", "classifier."), ("features.18.", "classifier.1."), ("conv.", "classifier.")]
    {
        let renamed = tensors.iter().map(|(name, tensor)| {
            let name = name.replace("features.18.", head).replace("classifier.", classifier);
            (name, tensor.shallow_clone())
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        write_safetensors(&path, &renamed.collect::<Tensors>(), &std::collections::BTreeMap::new()).unwrap();
        let file = chosen(TensorFile::read(&path).unwrap(), NAME);
        let mut copy = model(NAME, 10, 2);
        assert_eq!(detect(&file, architecture(NAME), copy.plan()).unwrap(), Scheme::Tonylins);
        load(&mut copy, architecture(NAME), &file, Strictness::Exact).unwrap();
        for (one, other) in original.parameters().iter().zip(copy.parameters()) {
            assert_eq!(one.tensor, other.tensor, "{} with {head}", one.name);
        }
    }
}

#[test]
fn names_alone_take_no_part_in_what_is_unknown() {
    let mut pickled = Pickled::default();
    let inner = pickled.dict(&vec![("x".into(), Tensor::zeros([2], (Kind::Float, Device::Cpu)))]);
    let mut file = pickled.file(&dict(&[("model", inner), ("note", text("x")), ("y", vector("0", 2))]));
    file.choose_for(architecture(SMALL), model(SMALL, 10, 1).plan());
    assert_eq!((file.names().collect::<Vec<_>>(), file.account()), (vec!["x"], None));
}
