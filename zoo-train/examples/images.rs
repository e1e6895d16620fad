//! How many image files a second one thread makes ready for training: read, decode, random crop to 224 pixels, flip,
//! normalise. Prints a line of JSON.
//!
//! ```sh
//! cargo run --release -p zoo-train --example images -- FOLDER [PASSES]
//! ```
//!
//! FOLDER holds `train` and `val` with a folder for each class. A pass that is not timed comes first.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use zoo_train::data::folder;
use zoo_train::results::{Environment, set_revision};
use zoo_train::settings::flip::Flip;
use zoo_train::training::augment::Augmentation;
use zoo_train::training::loader::{Batches, Worker};
use zoo_train::training::source::Source;

const SIDE: u32 = 224;
const BATCH: usize = 64;

fn main() -> ExitCode {
    set_revision(env!("ZOO_REVISION"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let passes = arguments.get(1).map_or(Some(5), |text| text.parse::<u64>().ok()).filter(|passes| *passes > 0);
    let (Some(path), Some(passes)) = (arguments.first(), passes) else {
        eprintln!("usage: images FOLDER [PASSES]");
        return ExitCode::from(2);
    };
    zoo_native::allocator::keep_freed_memory();
    match measure(Path::new(path), passes) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(path: &Path, passes: u64) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let dataset = folder::load(path, None, false)?;
    let preprocessing = dataset.preprocessing(SIDE.into());
    let augmentation = Augmentation { flip: Flip::Random, ..Augmentation::default() };
    let source = Source::new(dataset.train, preprocessing, augmentation, BATCH, 0);
    let per_pass = source.steps_per_epoch();
    if per_pass == 0 {
        return Err(format!("{} has fewer than {BATCH} training images", path.display()).into());
    }
    let mut worker = Worker::default();
    let mut pass = |number: u64| -> Result<(), Box<dyn std::error::Error>> {
        for step in number * per_pass..(number + 1) * per_pass {
            std::hint::black_box(source.batch(step, &mut worker).transpose()?);
        }
        Ok(())
    };
    pass(0)?;
    let begun = Instant::now();
    (1..=passes).try_for_each(pass)?;
    let seconds = begun.elapsed().as_secs_f64();
    let images = passes * per_pass * BATCH as u64;
    let environment = Environment::detect("cpu");
    Ok(serde_json::json!({
        "images_per_second": (images as f64 / seconds * 100.0).round() / 100.0,
        "images": images,
        "cpu": environment.cpu,
        "revision": environment.revision,
    }))
}
