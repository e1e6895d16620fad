//! Networks for the tests of everything that reads a plan.

use crate::block::{Conv, InvertedResidual, MBConv, SqueezeOf};
use crate::plan::*;
use crate::{Architecture, Axes};

const RULES: Rules = Rules {
    width_rounding: WidthRounding::Divisible(8),
    depth_rounding: DepthRounding::Up,
    input_channels: 3,
    norm: BatchNorm { eps: 1e-3, momentum: 0.01 },
    activation: Activation::Silu,
    init: Init::FanOut,
};

const EFFICIENTNET_ROWS: [(f64, u32, u32, u32, u32); 7] = [
    (1.0, 3, 16, 1, 1),
    (6.0, 3, 24, 2, 2),
    (6.0, 5, 40, 2, 2),
    (6.0, 3, 80, 3, 2),
    (6.0, 5, 112, 3, 1),
    (6.0, 5, 192, 4, 2),
    (6.0, 3, 320, 1, 1),
];

fn efficientnet(b: &mut PlanBuilder<'_>, se_of: SqueezeOf, scaling: Scaling) {
    b.enter(Place::Stem);
    Conv { k: 3, c: 32, s: 2, scaling, ..Conv::DEFAULT }.plan(b);
    b.leave(32);
    for (stage, (t, k, c, n, s)) in EFFICIENTNET_ROWS.into_iter().enumerate() {
        for block in 0..b.repeats(n, false) {
            b.enter(Place::Stage { stage: stage as u32, block });
            MBConv { t, k, c, s: if block == 0 { s } else { 1 }, se: 0.25, se_of, ..MBConv::DEFAULT }.plan(b);
            b.leave(c);
        }
    }
    b.enter(Place::Head);
    Conv { c: 1280, scaling, ..Conv::DEFAULT }.plan(b);
    b.leave(1280);
    b.enter(Place::Top);
    b.pool();
    b.dropout();
    b.linear();
}

fn mobilenet_v2(b: &mut PlanBuilder<'_>) {
    b.enter(Place::Stem);
    Conv { k: 3, c: 32, s: 2, ..Conv::DEFAULT }.plan(b);
    b.leave(32);
    let rows = [
        (1.0, 16, 1, 1),
        (6.0, 24, 2, 2),
        (6.0, 32, 3, 2),
        (6.0, 64, 4, 2),
        (6.0, 96, 3, 1),
        (6.0, 160, 3, 2),
        (6.0, 320, 1, 1),
    ];
    for (stage, (t, c, n, s)) in rows.into_iter().enumerate() {
        for block in 0..b.repeats(n, false) {
            b.enter(Place::Stage { stage: stage as u32, block });
            InvertedResidual { t, c, s: if block == 0 { s } else { 1 }, ..InvertedResidual::DEFAULT }.plan(b);
            b.leave(c);
        }
    }
    b.enter(Place::Head);
    Conv { c: 1280, scaling: Scaling::Floor, ..Conv::DEFAULT }.plan(b);
    b.leave(1280);
    b.enter(Place::Top);
    b.pool();
    b.dropout();
    b.linear();
}

const fn architecture(family: &'static str, rules: Rules, build: fn(&mut PlanBuilder<'_>)) -> Architecture {
    let axes = Axes { width: true, depth: true };
    Architecture { family, axes, profiles: &["native"], variants: &[], claims: &[], rules, build }
}

static EFFICIENTNET: Architecture =
    architecture("efficientnet", RULES, |b| efficientnet(b, SqueezeOf::Input, Scaling::Scaled));
static TUTORIAL: Architecture = architecture(
    "tutorial-efficientnet",
    Rules { width_rounding: WidthRounding::Truncated(1), depth_rounding: DepthRounding::Truncated, ..RULES },
    |b| efficientnet(b, SqueezeOf::Expanded, Scaling::Fixed),
);
static MOBILENET_V2: Architecture =
    architecture("mobilenet-v2", Rules { activation: Activation::Relu6, ..RULES }, mobilenet_v2);

/// A network by its name.
pub(crate) fn plan(model: &str) -> Plan {
    let options = |width, depth, input_size, dropout| Options {
        width,
        depth,
        input_size,
        dropout,
        drop_path: 0.2,
        ..Options::DEFAULT
    };
    let (architecture, options) = match model {
        "efficientnet-b0" => (&EFFICIENTNET, options(1.0, 1.0, 224, 0.2)),
        "efficientnet-b7" => (&EFFICIENTNET, options(2.0, 3.1, 600, 0.5)),
        "tutorial-efficientnet-b0" => (&TUTORIAL, options(1.0, 1.0, 224, 0.2)),
        "tutorial-efficientnet-b7" => (&TUTORIAL, options(2.0, 3.1, 600, 0.5)),
        "mobilenet-v2" => (&MOBILENET_V2, options(1.0, 1.0, 224, 0.2)),
        _ => panic!("no sample of the name {model}"),
    };
    Plan::new(architecture, &options).unwrap()
}
