//! Writes a network with random weights, and what it computes in f64, for checks of other engines.
//!
//! ```sh
//! cargo run -p zoo-core --example random_network -- MODEL SIDE FOLDER [same|symmetric]
//! ```
//!
//! `FOLDER/weights.safetensors` holds the weights as f32 under the zoo's names, with padding and epsilon;
//! `FOLDER/reference.safetensors` holds `input`, images as f32, and `logits`, those of the same weights and images in f64,
//! from the network as it trains: no norm is folded. Norms have met images, so that maps keep a deviation near 1 in every
//! layer, and no scale or shift is a simple number.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::op::Role;
use zoo_core::weights::{Scheme, TrainedWith, named, padding, write_safetensors};
use zoo_core::{ImageSize, Options, Padding, Plan, Registry};

/// Images that the norms meet, and how many of them are written with their logits.
const MET: i64 = 16;
const WRITTEN: i64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, side, folder, own) = match &arguments[..] {
        [model, side, folder] => (model, side, folder, None),
        [model, side, folder, padded] => {
            (model, side, folder, Some(padding(padded).ok_or("padding: same or symmetric")?))
        }
        _ => return Err("give a model, a side in pixels, a folder, and a padding if it is not the variant's".into()),
    };
    write(model, side.parse()?, own, Path::new(folder))
}

fn write(model: &str, side: u32, own: Option<Padding>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let entry = Registry::default().find(model)?;
    let usual = entry.variant.options;
    let padding = own.unwrap_or(usual.padding);
    let options = Options { input_size: ImageSize::square(side), padding, ..usual };
    let plan = Plan::new(entry.architecture, &options)?;
    let images = images(&plan)?;
    let mut double = random(&plan, &images)?;
    let mut single = Model::new(plan.clone(), &ModelOptions { kind: Kind::Float, ..ModelOptions::default() })?;
    let images = images.f_narrow(0, 0, WRITTEN)?;
    let logits = tch::no_grad(|| {
        // Both have the weights of the file.
        for (tensor, twin) in double.tensors_mut().zip(single.tensors_mut()) {
            twin.f_copy_(&tensor.f_to_kind(Kind::Float)?)?;
            tensor.f_copy_(&twin.f_to_kind(Kind::Double)?)?;
        }
        double.forward(&images.f_to_kind(Kind::Double)?, Mode::Eval)
    })?;
    let weights = named(&single, entry.architecture, Scheme::Zoo)?;
    let trained_with = TrainedWith {
        padding: Some(plan.options.padding),
        bn_eps: Some(plan.rules.norm.eps()),
        crop: Some(plan.options.input_size),
        ..TrainedWith::default()
    };
    write_safetensors(&folder.join("weights.safetensors"), &weights, &trained_with.to_metadata())?;
    let reference = [("input".to_string(), images), ("logits".to_string(), logits)];
    write_safetensors(&folder.join("reference.safetensors"), &reference, &BTreeMap::new())?;
    Ok(())
}

/// A network in f64 whose statistics are those of `images`.
fn random(plan: &Plan, images: &Tensor) -> Result<Model, Box<dyn Error>> {
    let mut model = Model::new(plan.clone(), &ModelOptions { kind: Kind::Double, ..ModelOptions::default() })?;
    tch::manual_seed(1);
    tch::no_grad(|| -> Result<(), Box<dyn Error>> {
        for parameter in model.parameters_mut() {
            // Scales and gains are around 1, shifts around 0.
            if parameter.tensor.dim() == 1 {
                let (centre, width) = if parameter.role == Role::NormScale { (1.0, 1.0) } else { (0.0, 0.2) };
                let moved = parameter.tensor.f_rand_like()?.f_sub_scalar(0.5)?.f_mul_scalar(width)?;
                let moved = moved.f_add_scalar(centre)?;
                parameter.tensor.f_copy_(&moved)?;
            }
        }
        let (eps, momentum) = (plan.rules.norm.eps(), plan.rules.norm.momentum());
        model.set_norms(Some(eps), Some(1.0));
        let _ = model.forward(&images.f_to_kind(Kind::Double)?, Mode::Train)?;
        model.set_norms(Some(eps), Some(momentum));
        Ok(())
    })?;
    Ok(model)
}

/// Pictures rather than noise, which pooling would make alike: patches with some noise on them.
fn images(plan: &Plan) -> Result<Tensor, Box<dyn Error>> {
    tch::manual_seed(2);
    let (channels, height, width) = (i64::from(plan.input.c), i64::from(plan.input.h), i64::from(plan.input.w));
    let normal = |height: i64, width: i64| Tensor::f_randn([MET, channels, height, width], (Kind::Float, Device::Cpu));
    let patches = normal(3, 3)?.f_upsample_nearest2d([height, width], None, None)?;
    Ok(patches.f_add(&normal(height, width)?.f_mul_scalar(0.5)?)?)
}
