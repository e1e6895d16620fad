//! Drop-path and dropout: how much, of what, and when.

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, Model};
use zoo_core::op::Add;
use zoo_core::{OpKind, Options, Place, Plan, Registry, network};

use super::{images, logits, model, number, same_bits, take_turn};

network! {
    /// Two blocks, the second of which has a residual; without non-linearity behind it, so that logits tell what was
    /// dropped.
    RESIDUAL;
    input 3 x 8;
    norm BatchNorm { eps: 1e-5, momentum: 0.1 };
    act Silu;
    stem Conv { k: 3, c: 8, s: 1 };
    stages InvertedResidual { t c; 2 16; 2 16; }
    top pool, linear;
    variants { name; "residual"; }
}

network! {
    /// Features, dropout, classifier.
    PLAIN;
    input 3 x 8;
    norm BatchNorm { eps: 1e-5, momentum: 0.1 };
    act Sigmoid;
    stem Conv { k: 3, c: 16, s: 1 };
    stages Separable { c; 16; }
    top pool, dropout, linear;
    variants { name; "plain"; }
}

const IMAGES: i64 = 600;

#[test]
fn drop_path_grows_linearly_over_the_scaled_blocks() {
    for (name, depth) in [("efficientnet-b0", 1.0), ("efficientnet-b0", 2.0), ("efficientnet-lite2", 1.2)] {
        let entry = Registry::default().find(name).unwrap();
        let plan = Plan::new(entry.architecture, &Options { depth, ..entry.variant.options }).unwrap();
        assert_eq!(entry.variant.options.drop_path, 0.2, "{name}");
        let mut blocks: Vec<Place> = plan.ops.iter().map(|op| op.place).collect();
        blocks.dedup();
        blocks.retain(|place| matches!(place, Place::Stage { .. }));
        assert_eq!(blocks.len(), plan.blocks());
        let mut residuals = 0;
        for op in &plan.ops {
            let OpKind::Add(Add { drop_path }) = op.kind else { continue };
            let block = blocks.iter().position(|place| *place == op.place).unwrap();
            let expected = 0.2 * block as f64 / blocks.len() as f64;
            assert!((drop_path - expected).abs() < 1e-12, "{name} at depth {depth}, {}: {drop_path}", op.name());
            residuals += 1;
        }
        assert!(residuals >= 9, "{name} at depth {depth}: {residuals} residuals");
    }
}

#[test]
fn drop_path_begins_at_zero_and_ends_one_block_short_of_its_rate() {
    // The width at which stem and first stage agree gives the first block a residual.
    network! {
        EVEN;
        input 3 x 8;
        norm BatchNorm { eps: 1e-5, momentum: 0.1 };
        act Relu;
        stem Conv { k: 3, c: 8, s: 1 };
        stages InvertedResidual { t c n; 2 8 5; }
        top pool, linear;
        variants { name; "even"; }
    }
    let plan = Plan::new(&EVEN, &Options { drop_path: 0.5, input_size: 8.into(), ..Options::DEFAULT }).unwrap();
    let kinds = plan.ops.iter().map(|op| op.kind);
    let rates: Vec<f64> = kinds
        .filter_map(|kind| if let OpKind::Add(Add { drop_path }) = kind { Some(drop_path) } else { None })
        .collect();
    assert_eq!(rates, [0.0, 0.1, 0.2, 0.5 * 3.0 / 5.0, 0.4]);
}

/// Logits in training with drop-path on, without it, and without the residual's branch.
struct Residual {
    model: Model,
    batch: Tensor,
    whole: Tensor,
    shortcut: Tensor,
}

impl Residual {
    fn new() -> Residual {
        let options = Options { input_size: 8.into(), classes: 4, drop_path: 0.6, ..Options::DEFAULT };
        // The last block's rate is half of 0.6.
        let model = model(Plan::new(&RESIDUAL, &options).unwrap());
        let batch = images(IMAGES, 8, 2);
        let without = |model: &Model| tch::no_grad(|| model.forward(&batch, Mode::Train)).unwrap();
        let mut other = super::model(Plan::new(&RESIDUAL, &Options { drop_path: 0.0, ..options }).unwrap());
        let whole = without(&other);
        let scale =
            other.parameters_mut().iter_mut().rfind(|parameter| parameter.name.ends_with(".project.norm.weight"));
        let _ = tch::no_grad(|| scale.unwrap().tensor.fill_(0.0));
        let shortcut = without(&other);
        Residual { model, batch, whole, shortcut }
    }

    /// For each image, by how much its branch was multiplied in a pass seeded by `seed`.
    fn factors(&self, seed: i64) -> Vec<f64> {
        tch::manual_seed(seed);
        let logits = tch::no_grad(|| self.model.forward(&self.batch, Mode::Train)).unwrap();
        // Least squares over the four logits of an image.
        let (branch, got) = (&self.whole - &self.shortcut, logits - &self.shortcut);
        let sum = |product: Tensor| product.sum_dim_intlist(1, false, Kind::Double);
        Vec::try_from(sum(&branch * got) / sum(&branch * &branch)).unwrap()
    }
}

#[test]
fn drop_path_drops_whole_images_and_scales_the_others() {
    let _turn = take_turn();
    let residual = Residual::new();
    let (kept, factors) = (0.7, residual.factors(1));
    let dropped = factors.iter().filter(|factor| factor.abs() < 1e-3).count();
    let scaled = factors.iter().filter(|factor| (*factor - 1.0 / kept).abs() < 1e-3).count();
    assert_eq!(dropped + scaled, factors.len(), "{factors:?}");
    // 180 of 600, within four deviations.
    assert!((135..=225).contains(&dropped), "{dropped} of {IMAGES} dropped");
}

#[test]
fn drop_path_follows_the_generator() {
    let _turn = take_turn();
    let residual = Residual::new();
    assert_eq!(residual.factors(1), residual.factors(1));
    assert_ne!(residual.factors(1), residual.factors(2));
}

#[test]
fn drop_path_and_dropout_are_off_in_evaluation() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let with = model(super::plan(name, |options| Options { dropout: 0.9, drop_path: 0.9, ..options }));
        let without = model(super::plan(name, |options| options));
        let batch = images(8, 32, 1);
        let [with, without] = [with, without].map(|model| logits(&model, &batch, Mode::Eval));
        assert!(same_bits(&with, &without), "{name}");
    }
}

#[test]
fn dropout_drops_single_features_and_scales_the_others() {
    let _turn = take_turn();
    let features = |dropout: f64, mode: Mode| -> Tensor {
        let options = Options { input_size: 8.into(), classes: 16, dropout, ..Options::DEFAULT };
        let mut model = model(Plan::new(&PLAIN, &options).unwrap());
        // A classifier that hands the features through.
        let weight =
            model.parameters_mut().iter_mut().rfind(|parameter| parameter.name == "top.linear.weight").unwrap();
        tch::no_grad(|| weight.tensor.copy_(&Tensor::eye(16, (Kind::Float, tch::Device::Cpu))));
        let batch = images(IMAGES, 8, 2);
        tch::no_grad(|| model.forward(&batch, mode)).unwrap()
    };
    let (all, some) = (features(0.0, Mode::Train), features(0.4, Mode::Train));
    let share = |mask: Tensor| number(&mask.to_kind(Kind::Double).mean(None));
    let dropped = share(some.eq(0.0));
    let scaled = share((&some - &all / 0.6).abs().lt(1e-5));
    assert!((dropped + scaled - 1.0).abs() < 1e-9, "{dropped} dropped, {scaled} scaled");
    // 9,600 draws: the deviation is 0.005.
    assert!((dropped - 0.4).abs() < 0.025, "{dropped}");
    // Of an image some features are dropped and others not.
    let by_image = some.eq(0.0).to_kind(Kind::Double).mean_dim(1, false, None);
    assert!(number(&by_image.max()) < 1.0 && number(&by_image.std(true)) < 0.2);
    assert!(same_bits(&features(0.4, Mode::Eval), &features(0.0, Mode::Eval)));
}
