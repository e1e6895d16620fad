#!/usr/bin/env bash
# Fuzzes what reads files and tables from outside, with the stable compiler: see fuzz/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'USAGE'
Usage: scripts/fuzz.sh [--seconds N | --runs N] [--jobs N] [TARGET...]

Builds the targets in fuzz/targets once and runs each, or those named, until it has found something. What it finds is
kept in target/fuzz/found/TARGET-*; give that file to target/fuzz/TARGET to see it again.

  --seconds N  end each target after N seconds
  --runs N     end each target after N runs
  --jobs N     run so many targets at a time (1)
  --help       print this
USAGE
}

limit=() jobs=1 targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) limit=(-max_total_time="$2") && shift ;;
    --runs) limit=(-runs="$2") && shift ;;
    --jobs) jobs=$2 && shift ;;
    --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) targets+=("$1") ;;
    esac
    shift
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd fuzz/targets && printf '%s\n' *.rs | sed 's/\.rs$//')
for target in "${targets[@]}"; do
    [ -f "fuzz/targets/$target.rs" ] || { echo "fuzz.sh: there is no target $target in fuzz/targets" >&2 && exit 2; }
done

# Coverage is a pass of LLVM that the stable compiler lets one ask for. `--target` spares build scripts and macros from it.
# With cfg(fuzzing) the crate png does not look at checksums.
coverage=(-Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=("-Cllvm-args=-sanitizer-coverage-$option")
done
host=$(rustc -vV | sed -n 's/^host: //p')
out=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
# The dependencies are those that are shipped.
cp Cargo.lock fuzz/Cargo.lock
RUSTFLAGS="${coverage[*]} --cfg fuzzing" cargo build --release --manifest-path fuzz/Cargo.toml \
    --target "$host" --target-dir "$out/build"

# run TARGET: its first lines and its last ones, or all of it where it found something.
run() {
    local target=$1 log=$out/$1.log words=()
    if [ -f "fuzz/dictionaries/$target" ]; then words=(-dict="fuzz/dictionaries/$target"); fi
    mkdir -p "$out/corpus/$target" "$out/found"
    cp "$out/build/$host/release/$target" "$out/$target"
    if "$out/$target" "${limit[@]}" "${words[@]}" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="$out/found/$target-" "$out/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        printf '%-16s %s\n' "$target" "$(sed -n 's/^Done \(.*\)/\1, nothing found/p' "$log")"
    else
        tail -n 60 "$log" >&2
        printf '%s: something was found; the input is in %s\n' "$target" "$out/found" >&2
        return 1
    fi
}

failed=0 running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge "$jobs" ]; then wait -n || failed=1; else running=$((running + 1)); fi
    run "$target" &
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
