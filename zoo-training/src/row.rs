//! The row of a run in `accuracy.csv`, as far as it is known before the run begins.

use zoo_core::{Cost, Options};
use zoo_results::{Environment, accuracy, command};
use zoo_settings::Settings;

/// The row of a run of a network of these `options`, without anything that the run comes to.
pub fn before(
    settings: &Settings,
    options: &Options,
    cost: Cost,
    weights: &str,
    environment: &Environment,
) -> accuracy::Row {
    accuracy::Row {
        run: String::new(),
        model: settings.network.model.clone(),
        width: options.width,
        depth: options.depth,
        input_size: options.input(),
        profile: settings.network.profile.clone(),
        params: cost.params,
        macs: cost.macs,
        epochs: 0.0,
        steps: 0,
        seconds: Some(0.0),
        top1: None,
        top1_ema: None,
        best_top1: None,
        train_loss: None,
        test_loss: None,
        status: String::new(),
        dataset: settings.data.dataset.clone(),
        classes: Some(options.classes),
        batch_size: Some(settings.schedule.batch_size as u64),
        seed: Some(settings.run.seed),
        images_per_second: None,
        device: environment.device.clone(),
        cpu: environment.cpu.clone(),
        threads: settings.run.threads.map(i32::unsigned_abs).or_else(|| u32::try_from(environment.cores).ok()),
        libtorch: environment.libtorch.clone(),
        dtype: settings.run.precision.name().into(),
        memory_format: accuracy::Row::MEMORY_FORMAT.into(),
        revision: environment.revision.into(),
        config_hash: settings.hash(),
        test_time_flip: Some(settings.run.test_time_flip),
        recipe_hash: settings.recipe_hash(),
        limit_train: settings.data.limit_train.map(|images| images as u64),
        limit_test: settings.data.limit_test.map(|images| images as u64),
        weights: weights.into(),
        command: command::of_process(),
        split: zoo_data::sets::evaluated_split(&settings.data.dataset).into(),
        extended_from: settings.schedule.extended_from.clone(),
        ranks: Some(1),
        backend: String::new(),
        hosts: Some(1),
    }
}
