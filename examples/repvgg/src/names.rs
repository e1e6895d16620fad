//! What timm calls the tensors of RepVGG (`byobnet.py`), and what it trains its weights with.

use zoo_core::ImageSize;
use zoo_core::Padding;
use zoo_core::Place;
use zoo_core::names::{
    IMAGENET_MEAN, IMAGENET_STD, Interpolation, Layer, Naming, Python, PythonName, Scheme, TrainedWith, no_matrix,
};

/// `ByobNet` with blocks of RepVGG.
pub const TIMM: Naming = Naming { scheme: Scheme::Timm, layer, is_matrix: no_matrix, habit, python: PYTHON };

/// timm has no dashes in its names.
const PYTHON: Python = Python { name: PythonName::Of(|variant| Some(variant.replace('-', "_"))), ..Python::LISTED };

/// Those of `repvgg_*.rvgg_in1k`: 224 px of an image whose shorter side has 256.
fn habit(_: &str) -> TrainedWith {
    TrainedWith {
        padding: Some(Padding::Symmetric),
        bn_eps: Some(1e-5),
        mean: Some(IMAGENET_MEAN),
        std: Some(IMAGENET_STD),
        resize: Some(Some(256)),
        crop: Some(ImageSize::square(224)),
        interpolation: Some(Interpolation::Bilinear),
    }
}

fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => format!("stem.{}", part(layer)?),
        Place::Stage { stage, block } => format!("stages.{stage}.{block}.{}", part(layer)?),
        Place::Top => "head.fc".into(),
        Place::Head => return None,
    })
}

/// The name of a branch is the same here and there.
fn part(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.part {
        "identity" => "identity".into(),
        branch @ ("conv_kxk" | "conv_1x1") => format!("{branch}.{}", layer.pick("conv", "bn")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::error::Error;

    use tch::{Device, Kind, Tensor};
    use zoo_core::model::{Mode, Model, ModelOptions};
    use zoo_core::weights::{Strictness, TensorFile, load, named, write_safetensors};
    use zoo_core::{Options, Plan};

    use super::*;
    use crate::repvgg::REPVGG;

    /// Names and shapes of timm's `repvgg_a0` with 10 classes, in the order of its state dict, and behind them the logits of
    /// two images of 64 px where its tensors have the values of `value`. Made by `tests/reference.py`.
    const REFERENCE: &str = include_str!("../tests/repvgg_a0.txt");

    fn lines(word: &str) -> Vec<(&'static str, Vec<f64>)> {
        let fields = |line: &'static str| line.split_once(' ').filter(|(found, _)| *found == word);
        let own = REFERENCE.lines().filter_map(fields).map(|(_, line)| line.split_once(' ').unwrap_or((line, "")));
        own.map(|(name, numbers)| (name, numbers.split(' ').flat_map(str::parse).collect())).collect()
    }

    /// A number in -1 to 1 for an element of a tensor: the twin of `value` in `tests/reference.py`.
    fn unit(tensor: usize, element: i64) -> f64 {
        (12.9898 * (element + 1) as f64 + 78.233 * (tensor + 1) as f64).sin()
    }

    fn filled(tensor: usize, name: &str, size: &[i64]) -> Tensor {
        let fan_in = size[1.min(size.len())..].iter().product::<i64>() as f64;
        let value = |element| {
            let unit = unit(tensor, element);
            match name.rsplit('.').next() {
                Some("weight") if size.len() > 1 => unit * (2.0 / fan_in).sqrt(),
                Some("weight" | "running_var") => 1.0 + 0.25 * unit,
                _ => 0.25 * unit,
            }
        };
        let values: Vec<f32> = (0..size.iter().product()).map(|element| value(element) as f32).collect();
        Tensor::from_slice(&values).view(size)
    }

    fn model() -> Result<Model, Box<dyn Error>> {
        let options = Options { input_size: 64.into(), classes: 10, ..REPVGG.variants[0].options };
        Ok(Model::new(Plan::new(&REPVGG, &options)?, &ModelOptions::default())?)
    }

    #[test]
    fn every_name_is_timms_in_its_order() -> Result<(), Box<dyn Error>> {
        let ours = named(&model()?, &REPVGG, Scheme::Timm)?;
        let ours = ours.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
        let ours: Vec<(&str, Vec<f64>)> =
            ours.map(|(name, tensor)| (name.as_str(), tensor.size().iter().map(|n| *n as f64).collect())).collect();
        assert_eq!(ours, lines("tensor"));
        Ok(())
    }

    #[test]
    fn weights_of_timm_load_and_give_its_logits() -> Result<(), Box<dyn Error>> {
        let size = |shape: Vec<f64>| shape.iter().map(|side| *side as i64).collect::<Vec<i64>>();
        let tensors = lines("tensor").into_iter().enumerate();
        let tensors: Vec<(String, Tensor)> =
            tensors.map(|(index, (name, shape))| (name.into(), filled(index, name, &size(shape)))).collect();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("repvgg_a0.safetensors");
        write_safetensors(&path, &tensors, &BTreeMap::new())?;
        let mut model = model()?;
        load(&mut model, &REPVGG, &TensorFile::read(&path)?, Strictness::Exact)?;

        let pixels: Vec<f32> = (0..2 * 3 * 64 * 64).map(|pixel| unit(tensors.len(), pixel) as f32).collect();
        let images = Tensor::from_slice(&pixels).view([2, 3, 64, 64]).to_device(Device::Cpu);
        let logits = tch::no_grad(|| model.forward(&images, Mode::Eval))?.to_kind(Kind::Double);
        let expected: Vec<f64> = lines("logits").into_iter().flat_map(|(_, logits)| logits).collect();
        let expected = Tensor::from_slice(&expected).view([2, 10]);
        let largest = expected.abs().max().double_value(&[]);
        let off = (logits - expected).abs().max().double_value(&[]);
        assert!(off <= 1e-4 * largest, "off by {off}, the largest logit is {largest}");
        Ok(())
    }
}
