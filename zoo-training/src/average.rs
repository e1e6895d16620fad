//! The exponential moving average of weights and running statistics.
//!
//! As TensorFlow's: the decay of step n is at most (1 + n) / (10 + n), so that an average of few steps forgets the random
//! weights that it began with.

use tch::Tensor;
use zoo_core::model::Model;
use zoo_native::optimizer::move_average;

use super::TrainError;

/// Averages of everything that a model holds.
#[derive(Debug)]
pub struct Average {
    decay: f64,
    /// Averages of the parameters, then of the running statistics, in the model's order.
    pub tensors: Vec<Tensor>,
}

impl Average {
    /// An average that starts from what `model` holds.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn new(model: &Model, decay: f64) -> Result<Average, TrainError> {
        let mut tensors = Vec::new();
        for (_, tensor) in named(model) {
            // The layout of memory stays, which a plain copy of a channels_last tensor would keep, too.
            let mut average = tensor.f_empty_like()?.f_detach()?;
            tch::no_grad(|| average.f_copy_(tensor))?;
            tensors.push(average);
        }
        Ok(Average { decay, tensors })
    }

    /// Takes in what `model` holds after `steps` steps.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn update(&mut self, model: &Model, steps: u64) -> Result<(), TrainError> {
        let values: Vec<&Tensor> = named(model).map(|(_, tensor)| tensor).collect();
        Ok(move_average(&self.tensors, &values, 1.0 - self.decay_at(steps))?)
    }

    /// The decay after `steps` steps.
    pub fn decay_at(&self, steps: u64) -> f64 {
        let steps = steps as f64;
        self.decay.min((1.0 + steps) / (10.0 + steps))
    }

    /// The decay that it comes to, where that is not reached after `steps` steps.
    pub fn warms_to(&self, steps: u64) -> Option<f64> {
        Some(self.decay).filter(|decay| self.decay_at(steps) < *decay)
    }

    /// Exchanges the averages and what `model` holds.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn swap(&mut self, model: &mut Model) -> Result<(), TrainError> {
        tch::no_grad(|| {
            for (own, average) in model.tensors_mut().zip(&mut self.tensors) {
                let kept = own.f_alias_copy()?;
                own.f_copy_(average)?;
                average.f_copy_(&kept)?;
            }
            Ok(())
        })
    }
}

/// Everything that a model holds, by name, in the order of an [`Average`].
pub fn named(model: &Model) -> impl Iterator<Item = (&str, &Tensor)> {
    let parameters = model.parameters().iter().map(|parameter| (parameter.name.as_str(), &parameter.tensor));
    parameters.chain(model.buffers().iter().map(|buffer| (buffer.name.as_str(), &buffer.tensor)))
}

#[cfg(test)]
mod tests {
    use zoo_core::model::ModelOptions;
    use zoo_core::{Options, Plan, arch::MOBILENET_V1};

    use super::*;

    fn model() -> Model {
        let options = Options { width: 0.25, input_size: 32.into(), classes: 10, ..Options::DEFAULT };
        Model::new(Plan::new(&MOBILENET_V1, &options).unwrap(), &ModelOptions::default()).unwrap()
    }

    #[test]
    fn an_average_follows_its_formula_and_swaps_places() -> Result<(), TrainError> {
        let mut model = model();
        let mut average = Average::new(&model, 0.9)?;
        let first = |tensors: &Tensor| tensors.double_value(&[0, 0, 0, 0]);
        let before = first(&model.parameters()[0].tensor);
        let _ = tch::no_grad(|| model.parameters_mut()[0].tensor.f_add_scalar_(1.0))?;
        average.update(&model, 1)?;
        // (1 + 1) / (10 + 1) of the old value is kept.
        let expected = before + 9.0 / 11.0;
        assert!((first(&average.tensors[0]) - expected).abs() < 1e-6);
        average.swap(&mut model)?;
        assert!((first(&model.parameters()[0].tensor) - expected).abs() < 1e-6);
        assert!((first(&average.tensors[0]) - before - 1.0).abs() < 1e-6);
        assert!(model.parameters()[0].tensor.requires_grad());
        Ok(())
    }

    #[test]
    fn the_decay_warms_up() -> Result<(), TrainError> {
        let average = Average::new(&model(), 0.999)?;
        assert_eq!((average.decay_at(0), average.decay_at(90)), (0.1, 0.91));
        assert_eq!((average.warms_to(90), average.warms_to(9000)), (Some(0.999), None));
        Ok(())
    }
}
