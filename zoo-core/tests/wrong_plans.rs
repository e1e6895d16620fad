//! What no network can be is an error in words, and never a panic, whatever numbers a block asks for.

use zoo_core::op::Convolution;
use zoo_core::{
    BatchNorm, DepthRounding, Init, Norm, Options, Plan, PlanBuilder, PlanError, Pooling, Rules, Value, WidthRounding,
    Window,
};

const RULES: Rules = Rules {
    width_rounding: WidthRounding::Divisible(8),
    depth_rounding: DepthRounding::Up,
    input_channels: 8,
    norm: Norm::BatchNorm(BatchNorm { eps: 1e-5, momentum: 0.1 }),
    activation: zoo_core::Activation::Relu,
    init: Init::DEFAULT,
};
const MOST: u32 = u32::MAX;

/// What is said of a network of 8 x 6 x 6 images that `build` emits.
fn error(build: impl Fn(&mut PlanBuilder<'_>)) -> PlanError {
    let options = Options { input_size: 6.into(), ..Options::DEFAULT };
    let error = Plan::of(&options, &RULES, build).unwrap_err();
    assert!(error.to_string().len() > 20 && error.summary().len() > 10, "{error:?}");
    error
}

#[test]
fn what_cannot_be_joined_is_named() {
    let halved = |b: &mut PlanBuilder<'_>| {
        let whole = b.value();
        b.max_pool(3, 2);
        whole
    };
    assert_eq!(
        error(|b| {
            let whole = halved(b);
            b.concat(&[whole, b.value()]);
        }),
        PlanError::Concat
    );
    assert_eq!(
        error(|b| {
            let whole = halved(b);
            b.add(whole);
        }),
        PlanError::ShapeMismatch
    );
    assert_eq!(error(|b| b.scale(b.value())), PlanError::ShapeMismatch);
    for count in [0, 1, 9] {
        let values = |b: &PlanBuilder<'_>| -> Vec<Value> { vec![b.value(); count] };
        assert_eq!(error(|b| b.concat(&values(b))), PlanError::Inputs(count));
    }
}

#[test]
fn channels_that_there_are_not_are_named() {
    for (from, channels) in [(0, 9), (8, 1), (0, 0), (MOST, 1), (1, MOST)] {
        assert_eq!(error(|b| b.narrow(from, channels)), PlanError::Narrow { from, channels, of: 8 });
    }
    assert_eq!(error(|b| assert_eq!(b.split::<3>().len(), 3)), PlanError::Split { parts: 3, channels: 8 });
    assert_eq!(error(|b| assert!(b.split::<0>().is_empty())), PlanError::Split { parts: 0, channels: 8 });
    for groups in [0, 3, MOST] {
        assert_eq!(error(|b| b.shuffle(groups)), PlanError::Shuffle { groups, channels: 8 });
    }
}

#[test]
fn windows_that_do_not_exist_are_refused() {
    let pooled =
        |kernel, stride, padding| error(|b| b.window(Window { pooling: Pooling::Max, kernel, stride, padding }));
    let convolved = |kernel, stride, padding| {
        error(|b| b.convolution(Convolution { channels: 8, kernel, stride, padding, ..Convolution::DEFAULT }))
    };
    for (kernel, stride, padding) in
        [(0, 1, None), (256, 1, None), (MOST, 1, None), (3, 0, None), (3, 1, Some(3)), (3, 1, Some(MOST))]
    {
        assert_eq!(pooled(kernel, stride, padding), PlanError::Convolution, "{kernel} {stride} {padding:?}");
        assert_eq!(convolved(kernel, stride, padding), PlanError::Convolution, "{kernel} {stride} {padding:?}");
    }
    // Half of such windows would see nothing but padding.
    assert_eq!(pooled(3, 1, Some(2)), PlanError::Convolution);
    assert_eq!(convolved(7, 1, Some(0)), PlanError::SmallMap { kernel: 7 });
    assert_eq!(pooled(7, 7, Some(0)), PlanError::SmallMap { kernel: 7 });
}

#[test]
fn layers_that_do_not_exist_are_refused() {
    assert_eq!(error(|b| b.linear()), PlanError::LinearWithoutPool);
    let hidden = |outputs| {
        error(|b| {
            b.pool();
            b.hidden(outputs);
        })
    };
    assert_eq!([hidden(0), hidden(MOST)], [PlanError::Channels(0), PlanError::Channels(MOST.into())]);
    for groups in [0, 3, MOST] {
        assert_eq!(error(|b| b.grouped(3, 8, 1, groups)), PlanError::Convolution);
    }
}

#[test]
fn a_value_of_another_network_is_refused() {
    let mut other = None;
    let options = Options { input_size: 6.into(), ..Options::DEFAULT };
    let mut builder = PlanBuilder::counting(&options, &RULES);
    for _ in 0..3 {
        builder.norm();
        other = Some(builder.value());
    }
    let other = other.unwrap();
    assert_eq!(error(|b| b.add(other)), PlanError::ForeignValue);
    assert_eq!(
        error(|b| {
            b.resume(other);
            b.norm();
        }),
        PlanError::ForeignValue
    );
}
