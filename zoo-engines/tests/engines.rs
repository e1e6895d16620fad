//! Every engine that is installed gives the logits of the training model in f64. Where ONNX Runtime or OpenVINO is not
//! installed (`./setup.sh --engines`), its part says that it was skipped, and fails where `CI` is set.

use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::onnx::OnnxOptions;
use zoo_core::{Options, Plan, Registry};
use zoo_engines::{Dtype, ENGINES, Engine, OPENVINO, OnnxFile, Setting, Source, ZOO, prepare};

/// One network of each family, at a size that is quick.
const MODELS: [&str; 14] = [
    "mobilenet-v1-0.25",
    "mobilenet-v2-0.35",
    "mobilenet-v3-small-0.35",
    "mobilenet-v4-conv-small",
    "efficientnet-b0",
    "efficientnet-lite0",
    "efficientnet-v2-s",
    "mnasnet-0.5",
    "resnet-18",
    "regnet-y-400mf",
    "shufflenet-v2-0.5",
    "ghostnet-0.5",
    "convnext-atto",
    "tutorial-mobilenet-v1",
];
const SIDE: u32 = 64;
/// Images whose statistics the norms have.
const MET: i64 = 16;
/// Largest difference, as a share of the largest logit.
const F32: f64 = 1e-4;
/// Least cosine between logits: fresh networks make much of roundings.
const BF16: f64 = 0.8;

/// Models are seeded by libtorch's one generator, and engines have threads of their own.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    tch::set_num_threads(2);
    let _ = zoo_native::cpu::set_flush_denormal(true);
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that are here; one that is missing is told, or fails.
fn installed() -> Vec<&'static dyn Engine> {
    let is_here = |engine: &&'static dyn Engine| match engine.version() {
        Ok(_) => true,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI is set, and {error}");
            eprintln!("skipped: {error}");
            false
        }
    };
    ENGINES.into_iter().filter(is_here).collect()
}

/// A model of f64 whose norms have the statistics of some images, and the same in f32.
fn models(name: &str) -> (Model, Rc<Model>) {
    let entry = Registry::default().find(name).unwrap();
    let options = Options { input_size: SIDE.into(), classes: 100, ..entry.variant.options };
    let make = |kind: Kind| {
        let plan = Plan::new(entry.architecture, &options).unwrap();
        Model::new(plan, &ModelOptions { kind, ..ModelOptions::default() }).unwrap()
    };
    let (mut exact, single) = (make(Kind::Double), make(Kind::Float));
    tch::no_grad(|| {
        exact.set_norms(None, Some(1.0));
        let _ = exact.forward(&images(&exact, MET).to_kind(Kind::Double), Mode::Train).unwrap();
        let tensors = |model: &Model| -> Vec<Tensor> {
            let parameters = model.parameters().iter().map(|parameter| parameter.tensor.shallow_clone());
            parameters.chain(model.buffers().iter().map(|buffer| buffer.tensor.shallow_clone())).collect()
        };
        for (mut tensor, mut twin) in tensors(&exact).into_iter().zip(tensors(&single)) {
            twin.copy_(&tensor.to_kind(Kind::Float));
            tensor.copy_(&twin.to_kind(Kind::Double));
        }
    });
    (exact, Rc::new(single))
}

/// Images of patches with some noise on them, the first of those that the norms met: pooling would make noise alike.
fn images(model: &Model, count: i64) -> Tensor {
    let input = model.plan().input;
    tch::manual_seed(2);
    let normal =
        |height: i64, width: i64| Tensor::randn([MET, input.c.into(), height, width], (Kind::Float, Device::Cpu));
    let (height, width) = (i64::from(input.h), i64::from(input.w));
    let patches = normal(3, 3).upsample_nearest2d([height, width], None, None);
    (patches + normal(height, width) * 0.5).narrow(0, 0, count)
}

fn off(found: &Tensor, expected: &Tensor) -> f64 {
    let largest = expected.abs().max().double_value(&[]);
    (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[]) / largest
}

/// The cosine between the deviations of logits from their mean.
fn alike(found: &Tensor, expected: &Tensor) -> f64 {
    let centred = |logits: &Tensor| {
        let logits = logits.to_kind(Kind::Double);
        &logits - logits.mean(Kind::Double)
    };
    let (found, expected) = (centred(found), centred(expected));
    let dot = |a: &Tensor, b: &Tensor| (a * b).sum(Kind::Double).double_value(&[]);
    dot(&found, &expected) / (dot(&found, &found) * dot(&expected, &expected)).sqrt()
}

#[test]
fn every_engine_gives_the_logits_of_the_model_in_f64() {
    let _turn = take_turn();
    let engines = installed();
    for name in MODELS {
        let (exact, model) = models(name);
        let images = images(&model, 3);
        let expected = tch::no_grad(|| exact.forward(&images.to_kind(Kind::Double), Mode::Eval)).unwrap();
        // A deep network of fresh weights makes more of roundings than any engine does.
        let eager = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap();
        let most = F32.max(4.0 * off(&eager, &expected));
        for &engine in &engines {
            for dtype in engine.dtypes().into_iter().filter(|dtype| *dtype != Dtype::Int8) {
                for batch in [Some(3), None] {
                    let setting = Setting { dtype, batch };
                    let network = prepare(engine, Source::Model(&model), setting, Device::Cpu).unwrap();
                    let found = network.logits(&network.format().of(&images).unwrap()).unwrap();
                    assert_eq!((found.size(), found.kind()), (expected.size(), Kind::Float), "{name} {engine:?}");
                    let (off, alike) = (off(&found, &expected), alike(&found, &expected));
                    let what = format!("{name}, {engine:?}, {}, batch {batch:?}", dtype.name());
                    assert!(dtype != Dtype::F32 || off < most, "{what}: off by {off:.1e}");
                    assert!(alike > BF16, "{what}: only {alike:.4} alike");
                    // Rounded to eight bits, results differ: that shows that they were.
                    assert!(dtype == Dtype::F32 || off > 1e-4, "{what}: computed in f32");
                }
            }
        }
    }
}

#[test]
fn batches_of_other_sizes_run_where_the_size_was_left_open() {
    let _turn = take_turn();
    let (_, model) = models("mobilenet-v2-0.35");
    for engine in installed() {
        let setting = Setting { dtype: Dtype::F32, batch: None };
        let network = prepare(engine, Source::Model(&model), setting, Device::Cpu).unwrap();
        let whole = network.logits(&images(&model, 5)).unwrap();
        let parts = [0..2, 2..5]
            .map(|part| network.logits(&images(&model, 5).narrow(0, part.start, part.end - part.start)).unwrap());
        assert!(off(&Tensor::cat(&parts, 0), &whole.to_kind(Kind::Double)) < F32, "{engine:?}");
    }
}

#[test]
fn what_an_engine_lacks_is_refused_with_what_it_has() {
    let _turn = take_turn();
    let (_, model) = models("mobilenet-v1-0.25");
    let refused = |engine: &dyn Engine, source: Source<'_>, dtype: Dtype, words: &str| {
        let error = prepare(engine, source, Setting { dtype, batch: None }, Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(ZOO, Source::Model(&model), Dtype::Bf16, "zoo does not compute in bf16 on this processor; it has f32");
    refused(
        ZOO,
        Source::Onnx { name: "x.onnx", bytes: b"" },
        Dtype::F32,
        "zoo does not read ONNX files; give --engine onnxruntime",
    );
    for engine in installed().into_iter().filter(|engine| zoo_engines::libraries().any(|other| other == *engine)) {
        refused(engine, Source::Model(&model), Dtype::Int8, "write one with `quantize`");
        refused(engine, Source::Onnx { name: "x.onnx", bytes: b"odd" }, Dtype::F32, "x.onnx");
        let error = prepare(engine, Source::Model(&model), Setting { dtype: Dtype::F32, batch: None }, Device::Cuda(0));
        assert!(error.unwrap_err().to_string().contains("runs on the CPU only"));
    }
}

#[test]
fn a_file_that_is_not_onnx_is_refused_by_its_name() {
    let _turn = take_turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.onnx");
    for bytes in [&b""[..], b"not a network", &[0xff; 64]] {
        std::fs::write(&path, bytes).unwrap();
        for engine in installed().into_iter().filter(|engine| zoo_engines::libraries().any(|other| other == *engine)) {
            let setting = Setting { dtype: Dtype::F32, batch: None };
            let source = Source::Onnx { name: "odd.onnx", bytes };
            let error = prepare(engine, source, setting, Device::Cpu).unwrap_err().to_string();
            assert!(error.contains("odd.onnx") && error.lines().count() == 1, "{engine:?}: {error}");
        }
        // Read before any engine is asked, it is refused in the same way.
        let error = OnnxFile::read(&path).map(|file| file.graph.nodes.len());
        assert!(error.is_err_and(|error| error.to_string().contains("odd.onnx")), "{bytes:?}");
    }
    let missing = OnnxFile::read(&folder.path().join("none.onnx")).unwrap_err().to_string();
    assert!(missing.contains("none.onnx: cannot be read"), "{missing}");
}

#[test]
fn images_of_another_size_are_refused() {
    let _turn = take_turn();
    let (_, model) = models("mobilenet-v1-0.25");
    let other = Tensor::zeros([1, 3, 40, 40], (Kind::Float, Device::Cpu));
    for engine in installed() {
        let network =
            prepare(engine, Source::Model(&model), Setting { dtype: Dtype::F32, batch: None }, Device::Cpu).unwrap();
        let error = network.logits(&other).unwrap_err().to_string();
        assert!(error.contains("40") && error.lines().count() == 1, "{engine:?}: {error}");
    }
}

#[test]
fn a_file_gives_what_its_model_gives() {
    let _turn = take_turn();
    let (_, model) = models("mobilenet-v3-small-0.35");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    std::fs::write(&path, model.to_onnx(&OnnxOptions::default()).unwrap().encode().unwrap()).unwrap();
    let file = OnnxFile::read(&path).unwrap();
    let error = file.source(Dtype::Int8).unwrap_err().to_string();
    assert!(error.contains("network.onnx: the network is not quantized"), "{error}");
    for engine in installed().into_iter().filter(|engine| zoo_engines::libraries().any(|other| other == *engine)) {
        let setting = Setting { dtype: Dtype::F32, batch: None };
        let logits = |source: Source<'_>| {
            prepare(engine, source, setting, Device::Cpu).unwrap().logits(&images(&model, 2)).unwrap()
        };
        assert_eq!(logits(file.source(Dtype::F32).unwrap()), logits(Source::Model(&model)), "{engine:?}");
    }
    assert!(OPENVINO.dtypes().contains(&Dtype::Int8));
}
