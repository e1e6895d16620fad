//! The `zoo-train` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    zoo_train::main_with(&[])
}
