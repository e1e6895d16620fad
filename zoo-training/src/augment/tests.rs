//! Against torchvision 0.28 on PIL, whose pixels `scripts/augment_reference.py` writes: equal to the last grey level.

use proptest::prelude::*;
use serde::Deserialize;

use super::operation::{Operation, Raster};
use super::*;
use crate::random::mix;

#[derive(Deserialize)]
struct Reference {
    policies: Vec<Magnitudes>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Magnitudes {
    policy: String,
    side: usize,
    /// In the order of the script's dictionary.
    magnitudes: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Case {
    operation: String,
    magnitude: f64,
    size: (usize, usize),
    pixels: String,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/golden/augment.json")).unwrap()
}

/// As in the script.
fn picture((width, height): (usize, usize)) -> Vec<[u8; 3]> {
    let level = |x: usize, y: usize, channel: usize| {
        (20 + (7 * x * x + 13 * y * (channel + 1) + 5 * x * y + 60 * channel) % 211) as u8
    };
    (0..width * height).map(|at| [0, 1, 2].map(|channel| level(at % width, at / width, channel))).collect()
}

/// What torchvision makes of a name and a magnitude.
fn operation(name: &str, magnitude: f64) -> Operation {
    match name {
        "Identity" => Operation::Identity,
        "ShearX" => Operation::ShearX(magnitude),
        "ShearY" => Operation::ShearY(magnitude),
        "TranslateX" => Operation::TranslateX(magnitude as i32),
        "TranslateY" => Operation::TranslateY(magnitude as i32),
        "Rotate" => Operation::Rotate(magnitude),
        "Brightness" => Operation::Brightness(1.0 + magnitude),
        "Color" => Operation::Colour(1.0 + magnitude),
        "Contrast" => Operation::Contrast(1.0 + magnitude),
        "Sharpness" => Operation::Sharpness(1.0 + magnitude),
        "Posterize" => Operation::Posterize(magnitude as u8),
        "Solarize" => Operation::Solarize(magnitude as f32),
        "AutoContrast" => Operation::AutoContrast,
        "Equalize" => Operation::Equalize,
        _ => panic!("{name}"),
    }
}

#[test]
fn pixels_are_those_of_torchvision() {
    let mut copy = Vec::new();
    let cases = reference().cases;
    let mut changed = 0;
    for Case { operation: name, magnitude, size, pixels: expected } in &cases {
        let mut pixels = picture(*size);
        operation(name, *magnitude).apply(&mut Raster { pixels: &mut pixels, width: size.0 }, &mut copy);
        changed += usize::from(pixels != picture(*size));
        let found: String = pixels.as_flattened().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, *expected, "{name} {magnitude} of {size:?}");
    }
    assert!(cases.len() > 180 && changed > 140, "{changed} of {} cases do anything", cases.len());
}

#[test]
fn magnitudes_are_those_of_torchvision() {
    for Magnitudes { policy, side, magnitudes } in reference().policies {
        for (name, values) in magnitudes {
            let values: Vec<f64> = serde_json::from_value(values).unwrap();
            for bin in 0..31u8 {
                let magnitude = *values.get(usize::from(bin)).unwrap_or(&values[0]);
                let signs: &[f64] =
                    if ["Posterize", "Solarize"].contains(&name.as_str()) { &[1.0] } else { &[1.0, -1.0] };
                for sign in signs {
                    let expected = operation(&name, sign * magnitude);
                    let found = drawn(&policy, bin, side, expected, *sign < 0.0);
                    assert_eq!(found, expected, "{policy} at {side} px: {name}, step {bin}");
                }
            }
        }
    }
}

/// The operation of the same kind as `like` that a policy draws at step `bin`.
fn drawn(policy: &str, bin: u8, side: usize, like: Operation, negative: bool) -> Operation {
    let policy = match policy {
        "randaugment" => Policy::RandAugment { operations: 1, magnitude: bin },
        _ => Policy::TrivialAugment,
    };
    // The middle of each of `count` parts of the random numbers.
    let part = |index: u64, count: u64| (((2 * index + 1) << 32) / (2 * count)) << 32;
    let one = |kind: u64| {
        let random = |what: u64| match what {
            0 => part(kind, 14),
            1 => part(bin.into(), 31),
            _ => part(negative.into(), 2),
        };
        policy::draw(policy, (side, side), random).next().unwrap()
    };
    let same = |one: &Operation| std::mem::discriminant(one) == std::mem::discriminant(&like);
    (0..14).map(one).find(same).unwrap()
}

#[test]
fn policies_are_read_as_they_are_written() {
    for text in ["none", "trivialaugment", "randaugment:2:9", "randaugment:14:30"] {
        assert_eq!(text.parse::<Policy>().unwrap().to_string(), text);
    }
    let wrong = ["", "None", "randaugment", "randaugment:2", "randaugment:0:9", "randaugment:15:9", "randaugment:2:31"];
    for text in wrong.into_iter().chain(["randaugment:2:9:1", "randaugment:-1:9", "randaugment:2:x", "augmix"]) {
        let error = text.parse::<Policy>().unwrap_err();
        assert!(error.contains(&format!("`{text}`")) && error.contains("randaugment:2:9"), "{error}");
    }
}

#[test]
fn rand_augment_draws_every_operation_as_often() {
    let policy = Policy::RandAugment { operations: 3, magnitude: 10 };
    let mut counts = std::collections::BTreeMap::new();
    for index in 0..14_000 {
        for operation in policy::draw(policy, (32, 32), |what| mix(&[index, what])) {
            *counts.entry(format!("{operation:?}")).or_insert(0) += 1;
        }
    }
    // Nine of them have a sign.
    assert_eq!(counts.len(), 14 + 9, "{counts:?}");
    assert!(
        counts.values().all(|count| (1_300..1_700).contains(count) || (2_750..3_250).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn jitter_is_in_every_order_and_within_its_range() {
    let jitter = Jitter { strengths: [0.4, 0.0, 1.5] };
    let mut first = [0; 2];
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    for index in 0..2000 {
        let operations: Vec<Operation> = jitter.draw(|what| mix(&[index, what])).collect();
        assert_eq!(operations.len(), 2);
        first[usize::from(matches!(operations[0], Operation::Colour(_)))] += 1;
        for operation in operations {
            match operation {
                Operation::Brightness(factor) => assert!((0.6..1.4).contains(&factor)),
                Operation::Colour(factor) => (least, most) = (least.min(factor), most.max(factor)),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(first.iter().all(|count| (850..1150).contains(count)), "{first:?}");
    assert!((0.0..0.02).contains(&least) && (2.48..2.5).contains(&most), "{least} to {most}");
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let factor = 0.0..3.0f64;
    prop_oneof![
        (-1.0..1.0f64).prop_map(Operation::ShearX),
        (-1.0..1.0f64).prop_map(Operation::ShearY),
        (-200..200i32).prop_map(Operation::TranslateX),
        (-200..200i32).prop_map(Operation::TranslateY),
        (-180.0..180.0f64).prop_map(Operation::Rotate),
        factor.clone().prop_map(Operation::Brightness),
        factor.clone().prop_map(Operation::Colour),
        factor.clone().prop_map(Operation::Contrast),
        factor.prop_map(Operation::Sharpness),
        (0..9u8).prop_map(Operation::Posterize),
        (0.0..256.0f32).prop_map(Operation::Solarize),
        Just(Operation::AutoContrast),
        Just(Operation::Equalize),
    ]
}

proptest! {
    #[test]
    fn any_operation_is_possible_on_any_image(
        width in 1usize..40, height in 1usize..40, operation in any_operation(), seed: u64,
    ) {
        let mut pixels: Vec<[u8; 3]> = (0..width * height).map(|at| mix(&[seed, at as u64]).to_le_bytes())
            .map(|bytes| [bytes[0], bytes[1], bytes[2]]).collect();
        let before = pixels.clone();
        operation.apply(&mut Raster { pixels: &mut pixels, width }, &mut Vec::new());
        // Geometry makes no pixel that was not there, but black.
        if matches!(operation, Operation::Rotate(_) | Operation::ShearX(_) | Operation::TranslateY(_)) {
            prop_assert!(pixels.iter().all(|pixel| *pixel == [0; 3] || before.contains(pixel)));
        }
    }

    #[test]
    fn all_changes_are_possible_at_any_size_and_repeat_themselves(side in 1usize..40, magnitude in 0u8..31, seed: u64) {
        let augmentation = Augmentation {
            policy: Policy::RandAugment { operations: 4, magnitude },
            jitter: Jitter { strengths: [0.5, 2.0, 10.0] },
            ..Augmentation::default()
        };
        let change = |copy: &mut Vec<[u8; 3]>| {
            let mut bytes: Vec<u8> = (0..3 * side * side).map(|at| mix(&[seed, at as u64]) as u8).collect();
            augmentation.change_bytes(&mut bytes, side, seed, copy);
            bytes
        };
        prop_assert_eq!(change(&mut Vec::new()), change(&mut vec![[9; 3]; 5]));
    }
}
