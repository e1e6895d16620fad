//! Tables where tables may stand, with names from where names may come.

use zoo_core::{Options, Place, Plan, PlanBuilder, network};

mod elsewhere {
    use zoo_core::{Activation, PlanBuilder};

    /// Goes by the name of a block of the prelude, and is another.
    pub struct Separable {
        pub c: u32,
        pub k: u32,
    }

    impl Separable {
        pub const DEFAULT: Separable = Separable { c: 1, k: 1 };

        pub const fn check(&self) -> Option<zoo_core::block::Problem> {
            None
        }

        pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
            b.conv(self.k, b.scaled(self.c), 1);
            b.act(Activation::Table);
        }
    }
}

mod shadowed {
    use super::elsewhere::Separable;
    use zoo_core::network;

    const WIDE: u32 = 64;

    network! {
        pub ONE_OF_ONES_OWN;
        input 3 x 32;
        norm BatchNorm { eps: 1e-5, momentum: 0.1 };
        act Relu;
        stem Conv { k: 3, c: 8, s: 1 };
        stages Separable { k c; 1 16; (1 + 2) WIDE; - (WIDE * 2); }
        top pool, linear;
        variants { name; "own" ; }
        // By hand: 27 * 8 + 16, 128, 9 * 16 * 64, 64 * 128, 128 * 10 + 10.
        claims { name classes params; "own" 10 19_058; }
    }
}

#[test]
fn an_imported_block_goes_before_one_of_the_prelude() {
    let own = shadowed::ONE_OF_ONES_OWN.variant("own").unwrap();
    let plan = Plan::new(&shadowed::ONE_OF_ONES_OWN, &Options { classes: 10, ..own.options }).unwrap();
    assert_eq!(plan.ops.iter().filter(|op| op.is_depthwise()).count(), 0);
    assert_eq!(own.options.input_size, 32.into());
}

#[test]
fn a_table_may_stand_in_a_function() {
    use elsewhere::Separable as Renamed;
    network! {
        LOCAL;
        input 3 x 32;
        norm BatchNorm { eps: 1e-5, momentum: 0.1 };
        act Relu;
        stem Conv { k: 3, c: 8, s: 1 };
        stages Renamed { c; 16; }
        stages elsewhere::Separable { c; 32; }
        top pool, linear;
        variants { name dropout; "local" 0.5; }
    }
    let plan = Plan::new(&LOCAL, &LOCAL.variants[0].options).unwrap();
    assert_eq!((plan.options.dropout, plan.blocks()), (0.5, 2));
}

network! {
    /// Rows that are blocks, and rows that are many.
    DEEP;
    scale depth;
    input 3 x 32;
    norm BatchNorm { eps: 1e-5, momentum: 0.1 };
    act Relu;
    stem Conv { k: 3, c: 8, s: 1 };
    stages Separable { k c s; 3 16 2; 5 16 1; 3 16 1; }
    stages InvertedResidual { t c n s; 6 24 2 2; 6 32 1 2 fix_depth; }
    top pool, linear;
    profile flat { stem.s = 2; stages[1].s = 1; }
    variants { name; "deep"; }
}

/// Strides of the depthwise convolutions with their places, stage and block.
fn strides(options: &Options) -> Vec<(u32, u32, u32)> {
    let plan = Plan::new(&DEEP, options).unwrap();
    let depthwise = plan.ops.iter().filter(|op| op.is_depthwise());
    let row = depthwise.map(|op| match (op.place, op.kind) {
        (Place::Stage { stage, block }, zoo_core::OpKind::Conv(conv)) => (stage, block, conv.stride),
        _ => panic!("a depthwise convolution outside the stages"),
    });
    row.collect()
}

#[test]
fn depth_repeats_rows_and_only_the_first_block_of_a_row_strides() {
    let one = [(0, 0, 2), (0, 1, 1), (0, 2, 1), (1, 0, 2), (1, 1, 1), (2, 0, 2)];
    assert_eq!(strides(&Options::DEFAULT), one);
    let deeper = [(0, 0, 2), (0, 1, 1), (0, 2, 1), (0, 3, 1), (1, 0, 2), (1, 1, 1), (1, 2, 1), (2, 0, 2)];
    assert_eq!(strides(&Options { depth: 1.3, ..Options::DEFAULT }), deeper);
    let shallow = [(0, 0, 2), (0, 1, 1), (1, 0, 2), (2, 0, 2)];
    assert_eq!(strides(&Options { depth: 0.5, ..Options::DEFAULT }), shallow);
}

#[test]
fn a_profile_changes_the_strides_it_names() {
    let flat = Options { profile: DEEP.profile("flat").unwrap(), ..Options::DEFAULT };
    let stem = Plan::new(&DEEP, &flat).unwrap().ops[0].output;
    assert_eq!((stem.c, stem.h), (8, 112));
    assert_eq!(strides(&flat)[3], (1, 0, 1));
    assert_eq!(DEEP.profiles, ["native", "flat"]);
}

/// A block that forgets to name its second convolution.
#[derive(Clone, Copy)]
struct Nameless {
    c: u32,
    s: u32,
}

impl Nameless {
    const DEFAULT: Nameless = Nameless { c: 1, s: 1 };

    const fn check(&self) -> Option<zoo_core::block::Problem> {
        None
    }

    const fn plan(&self, b: &mut PlanBuilder<'_>) {
        b.part("only");
        b.conv(3, b.scaled(self.c), self.s);
        b.conv(1, b.scaled(self.c), 1);
    }
}

network! {
    /// Two layers of one name.
    NAMELESS;
    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    stem     Conv { k: 3, c: 8, s: 2 };
    stages   Nameless { c s; 8 1; }
    top      pool, linear;
    variants { name; "nameless"; }
}

#[test]
fn two_layers_of_one_name_are_refused() {
    let error = Plan::new(&NAMELESS, &NAMELESS.variants[0].options).unwrap_err();
    assert!(error.to_string().contains("two layers named `only`"), "{error}");
}

#[test]
fn a_linear_layer_without_pooling_is_an_error() {
    network! {
        UNPOOLED;
        input 3 x 32;
        norm BatchNorm { eps: 1e-5, momentum: 0.1 };
        act Relu;
        stem Conv { k: 3, c: 8, s: 1 };
        stages Separable { c; 16; }
        top linear;
        variants { name; "unpooled"; }
    }
    let plan = |input_size| Plan::new(&UNPOOLED, &Options { input_size, ..Options::DEFAULT });
    assert_eq!(plan(32.into()).unwrap_err(), zoo_core::PlanError::LinearWithoutPool);
    assert!(plan(1.into()).is_ok(), "one pixel is its own mean");
}

#[test]
fn a_convolution_in_no_groups_has_no_cost() {
    let entry = zoo_core::Registry::default().find("mobilenet-v1").unwrap();
    let mut op = Plan::new(entry.architecture, &entry.variant.options).unwrap().ops[0];
    let zoo_core::OpKind::Conv(conv) = &mut op.kind else { panic!("{op:?} is the stem's convolution") };
    conv.groups = 0;
    assert_eq!(op.cost(), Err(zoo_core::PlanError::Convolution));
}

#[test]
fn an_image_need_be_neither_square_nor_coloured() {
    network! {
        /// Digits that are wider than high.
        pub DIGITS;
        input    1 x 28 x 40;
        norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
        act      Relu;
        stem     Conv { k: 3, c: 8, s: 2 };
        stages   Separable { k: 3 } { c s; 16 2; }
        top      pool, linear;
        variants { name; "digits"; }
        claims   { name params macs; "digits" 17_336 50_160; }
    }
    let plan = Plan::new(&DIGITS, &DIGITS.variants[0].options).unwrap();
    assert_eq!((plan.input.c, plan.input.h, plan.input.w), (1, 28, 40));
    let last = plan.ops.iter().rev().find(|op| !op.output.is_pixel()).unwrap().output;
    assert_eq!((last.h, last.w), (7, 10));
    let colour = Options { in_channels: Some(3), ..DIGITS.variants[0].options };
    let colour = Plan::new(&DIGITS, &colour).unwrap();
    assert_eq!(colour.cost.params - plan.cost.params, 2 * 8 * 9);
    assert_eq!(colour.options.input().to_string(), "3x28x40");
}
