//! The zoo's command line with RepVGG in it.

mod block;
mod names;
mod repvgg;

use std::process::ExitCode;

use repvgg::REPVGG;

fn main() -> ExitCode {
    zoo_train::main_with(&[&REPVGG])
}
