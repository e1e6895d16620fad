//! The flags that name an engine and its numbers.

use zoo_engines::{Dtype, Engine};

/// An engine by its name.
pub fn parse_engine(name: &str) -> Result<&'static dyn Engine, String> {
    zoo_engines::find(name).map_err(|error| error.to_string())
}

/// Numbers of inference by their name.
pub fn parse_dtype(name: &str) -> Result<Dtype, String> {
    Dtype::parse(name)
}

/// The engines that are measured where none is named: all that are there and have these numbers.
pub fn usual(dtype: Dtype) -> Vec<&'static dyn Engine> {
    let has = |engine: &&'static dyn Engine| engine.dtypes().contains(&dtype) && engine.version().is_ok();
    zoo_engines::ENGINES.into_iter().filter(has).collect()
}
