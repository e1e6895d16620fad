#!/usr/bin/env bash
# Runs the tests of zoo-native with our C++ under AddressSanitizer: a read or write out of bounds fails with the line that
# made it. It needs GCC and builds in a target directory of its own, without optimisation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    printf 'test_native_sanitized.sh: %s\n' "$*" >&2
    exit 1
}

compiler=${CXX:-c++}
runtime=$($compiler -print-file-name=libasan.so)
# The name alone is printed where there is no such file.
case $runtime in /*) ;; *) die "$compiler has no AddressSanitizer runtime (libasan.so); install it, or set CXX to GCC's g++." ;; esac
host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')

export CARGO_TARGET_DIR=$PWD/target/asan CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=none
export ZOO_SANITIZE=address
# The runtime must be loaded first, into the tests alone; Cargo and rustc run without it. libtorch keeps memory until the
# process ends, so leaks are not looked for.
export "CARGO_TARGET_${host}_RUNNER=env LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1"
cargo test -p zoo-native --tests "$@"
