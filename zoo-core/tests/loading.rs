//! Weights written under every scheme's names, read back, and refused by name where they do not fit.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::Path;

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::weights::{
    Scheme, Strictness, TensorFile, WeightsError, classes_of, detect, load, named, write_safetensors,
};
use zoo_core::{Entry, Options, Plan, Registry};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn entry(name: &str) -> Entry {
    Registry::default().find(name).unwrap()
}

fn model(entry: &Entry, classes: u32, seed: i64) -> Model {
    let options = Options { input_size: 32.into(), classes, ..entry.variant.options };
    let plan = Plan::new(entry.architecture, &options).unwrap();
    Model::new(plan, &ModelOptions { seed, ..ModelOptions::default() }).unwrap()
}

fn logits(model: &Model) -> Tensor {
    let images = Tensor::arange(2 * 3 * 32 * 32, (Kind::Float, tch::Device::Cpu)).sin().view([2, 3, 32, 32]);
    tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap()
}

fn write(path: &Path, tensors: &[(String, Tensor)]) -> TensorFile {
    write_safetensors(path, tensors, &BTreeMap::new()).unwrap();
    TensorFile::read(path).unwrap()
}

#[test]
fn every_scheme_reads_back_what_it_wrote() -> Outcome {
    let folder = tempfile::tempdir()?;
    let cases = [
        ("mobilenet-v1-0.25", &[Scheme::Zoo, Scheme::Timm, Scheme::Separable][..]),
        ("mobilenet-v2-0.35", &[Scheme::Zoo, Scheme::Torchvision, Scheme::Timm, Scheme::Tonylins]),
        ("mobilenet-v3-small-0.35", &[Scheme::Zoo, Scheme::Torchvision, Scheme::Timm]),
        ("efficientnet-b0", &[Scheme::Zoo, Scheme::Torchvision, Scheme::Timm, Scheme::Lukemelas]),
        ("efficientnet-lite0", &[Scheme::Zoo, Scheme::Timm, Scheme::Lukemelas]),
        ("efficientnet-v2-s", &[Scheme::Zoo, Scheme::Torchvision, Scheme::Timm]),
        ("mobilenet-v4-conv-small-0.35", &[Scheme::Zoo, Scheme::Timm]),
        ("mobilenet-v4-conv-medium", &[Scheme::Zoo, Scheme::Timm]),
        ("convnext-tiny", &[Scheme::Zoo, Scheme::Torchvision, Scheme::Timm]),
        ("convnext-atto", &[Scheme::Zoo, Scheme::Timm]),
        ("tutorial-mobilenet-v1", &[Scheme::Zoo]),
    ];
    for (name, schemes) in cases {
        let entry = entry(name);
        let architecture = entry.architecture;
        let original = model(&entry, 10, 1);
        for scheme in Scheme::ALL {
            let tensors = named(&original, architecture, scheme);
            assert_eq!(tensors.is_ok(), schemes.contains(&scheme), "{name} {scheme}");
            let Ok(tensors) = tensors else { continue };
            let file = write(&folder.path().join(format!("{name}-{scheme}.safetensors")), &tensors);
            assert_eq!(detect(&file, architecture, original.plan())?, scheme, "{name}");
            assert_eq!(classes_of(&file, architecture, original.plan()), Some(10));
            let mut copy = model(&entry, 10, 2);
            assert_ne!(logits(&original), logits(&copy));
            let report = load(&mut copy, architecture, &file, Strictness::Exact)?;
            assert!(report.is_complete() && report.replaced_classifier.is_none(), "{report}");
            assert_eq!(logits(&original), logits(&copy), "{name} {scheme}");
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_copied() -> Outcome {
    let folder = tempfile::tempdir()?;
    let entry = entry("mobilenet-v2-0.35");
    let mut tensors = named(&model(&entry, 10, 1), entry.architecture, Scheme::Torchvision)?;
    tensors.retain(|(name, _)| name != "features.3.conv.1.1.bias");
    tensors.push(("features.99.weight".into(), Tensor::zeros([2], (Kind::Float, tch::Device::Cpu))));
    let stem = tensors.iter_mut().find(|(name, _)| name == "features.0.0.weight").unwrap();
    stem.1 = Tensor::zeros([16, 3, 5, 5], (Kind::Float, tch::Device::Cpu));
    let file = write(&folder.path().join("odd.safetensors"), &tensors);

    let mut model = model(&entry, 10, 2);
    let before = logits(&model);
    let error = load(&mut model, entry.architecture, &file, Strictness::Strict).unwrap_err();
    let WeightsError::DoesNotFit { report, .. } = &error else { panic!("{error}") };
    assert_eq!(report.missing, ["features.3.conv.1.1.bias"]);
    assert_eq!(report.unexpected, ["features.99.weight"]);
    let shapes = ("features.0.0.weight".to_string(), vec![16, 3, 5, 5], vec![16, 3, 3, 3]);
    assert_eq!(report.wrong_shape, [shapes]);
    let text = error.to_string();
    for part in ["odd.safetensors", "features.99.weight", "[16, 3, 5, 5] in the file", "--allow-partial"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(before, logits(&model));

    let report = load(&mut model, entry.architecture, &file, Strictness::Partial)?;
    assert_eq!(report.loaded, model.parameters().len() + model.buffers().len() - 2);
    assert_ne!(before, logits(&model));
    Ok(())
}

#[test]
fn a_classifier_of_another_size_is_replaced_and_that_is_said() -> Outcome {
    let folder = tempfile::tempdir()?;
    let entry = entry("mobilenet-v3-small-0.35");
    let architecture = entry.architecture;
    let file =
        write(&folder.path().join("w.safetensors"), &named(&model(&entry, 1000, 1), architecture, Scheme::Timm)?);
    let mut fresh = model(&entry, 10, 2);
    let classifier = |model: &Model| model.parameters().last().unwrap().tensor.copy();
    let before = classifier(&fresh);
    let report = load(&mut fresh, architecture, &file, Strictness::Strict)?;
    assert_eq!(report.replaced_classifier, Some(1000));
    assert!(report.to_string().contains("its classifier of 1000 classes is replaced by a new one"), "{report}");
    assert_eq!(before, classifier(&fresh));
    assert!(load(&mut fresh, architecture, &file, Strictness::Exact).is_err());
    Ok(())
}

#[test]
fn broken_and_foreign_weights_are_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let v1 = entry("mobilenet-v1-0.25");
    let mut tensors = named(&model(&v1, 10, 1), v1.architecture, Scheme::Timm)?;
    let broken = tensors.iter_mut().find(|(name, _)| name == "bn1.bias").unwrap();
    broken.1 = &broken.1 / 0.0;
    let file = write(&folder.path().join("nan.safetensors"), &tensors);
    let error = load(&mut model(&v1, 10, 2), v1.architecture, &file, Strictness::Strict).unwrap_err();
    assert!(error.to_string().contains("`bn1.bias` has values that are not finite"), "{error}");

    let foreign = [("layer1.0.conv1.weight".to_string(), Tensor::zeros([2], (Kind::Float, tch::Device::Cpu)))];
    let file = write(&folder.path().join("resnet.safetensors"), &foreign);
    let error = load(&mut model(&v1, 10, 2), v1.architecture, &file, Strictness::Partial).unwrap_err();
    assert!(error.to_string().contains("layer1.0.conv1.weight"), "{error}");
    Ok(())
}
