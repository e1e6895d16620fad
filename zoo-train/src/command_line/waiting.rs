//! How the threads of a computation wait for each other.
//!
//! libgomp, whose threads libtorch computes with, lets them spin for some milliseconds before they sleep. Beside any other
//! process they burn the time that the slowest of them needs. MobileNetV2 at 32 px, images a second on two processors with
//! AVX-512, one run of 24 steps each on a machine that was not quite idle, so that only large differences count:
//!
//! | `GOMP_SPINCOUNT` | alone | beside one busy loop | beside two |
//! |---|---|---|---|
//! | libgomp's own | 1240 | 502 | 259 |
//! | 1000 | 1247 | 732 | 670 |
//! | 0 | 999 | 1042 | 711 |
//!
//! `GOMP_SPINCOUNT=1000 zoo-train --model mobilenet-v2 --dataset synthetic --limit-train 4096 --limit-test 100 --steps 24
//! --batch-size 128 --threads 2 --profile native`, beside `while :; do :; done`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Looks at a lock before a thread sleeps: longer than the gap between two layers, and libgomp's own number where there are
/// more threads than processors.
const SPINS: &str = "1000";
const SPIN_COUNT: &str = "GOMP_SPINCOUNT";
const WAIT_POLICY: &str = "OMP_WAIT_POLICY";
const LOG_LEVEL: &str = "TORCH_CPP_LOG_LEVEL";

/// Lets threads spin briefly, where the user has not said how they wait. libgomp reads that when it is loaded, so the process
/// begins anew; whatever it starts inherits it.
pub fn spin_briefly(arguments: &[OsString]) {
    let is_said = std::env::var_os(SPIN_COUNT).is_some() || std::env::var_os(WAIT_POLICY).is_some();
    if is_said || !cfg!(target_os = "linux") {
        return;
    }
    let (name, rest) = arguments.split_first().map_or((OsString::from("zoo-train"), &[][..]), |(n, r)| (n.clone(), r));
    // It comes back only where it fails, and then threads wait as they did.
    if let Ok(program) = std::env::current_exe() {
        let mut command = Command::new(program);
        with_errors_alone(&mut command);
        let _ = command.arg0(name).args(rest).env(SPIN_COUNT, SPINS).exec();
    }
}

/// Keeps the warnings of libtorch's C++ from standard error of `command`, where the user has not said what is to be seen: they
/// are of sockets, and what becomes of those is said by us.
pub fn with_errors_alone(command: &mut Command) {
    if std::env::var_os(LOG_LEVEL).is_none() {
        command.env(LOG_LEVEL, "ERROR");
    }
}
