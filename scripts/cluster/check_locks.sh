#!/usr/bin/env bash
# Two sweeps on a folder whose locks hold on one machine alone, as two machines that share it over such a file system: bindfs
# shows one folder in two places, and each grants its own locks.
#
#   cargo build -p zoo-train && sudo scripts/cluster/check_locks.sh [PROGRAM]
#
# needs root, /dev/fuse, and Debian's package: apt-get install bindfs
set -euo pipefail
scripts=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
program=$(realpath "${1:-$scripts/../../target/debug/zoo-train}")
command -v bindfs >/dev/null || { echo "there is no bindfs: apt-get install bindfs" >&2; exit 1; }
fail() { echo "$*" >&2; exit 1; }

folder=$(mktemp -d)
finish() {
    umount "$folder/one" "$folder/two" 2>/dev/null || true
    # Not through a mount that is still there.
    rm -rf --one-file-system "$folder"
}
trap finish EXIT
cd "$folder"
mkdir real one two
bindfs real one
bindfs real two

flock -n one/probe -c 'flock -n two/probe true' || fail "locks hold in both places: there is nothing to check"
rm real/probe

cat >my.toml <<'TOML'
[[grid]]
kind = "accuracy"
model = "mobilenet-v3-small"
width = [0.35, 0.5]
seed = [0, 1, 2]
threads = 1

[grid.settings]
data.dataset = "synthetic"
data.limit_train = 160
data.limit_test = 50
schedule.batch_size = 16
schedule.steps = 20
TOML
"$program" sweep my.toml --results one >said.one 2>&1 &
first=$!
"$program" sweep my.toml --results two >said.two 2>&1 || fail "the second sweep failed: $(cat said.two)"
wait "$first" || fail "the first sweep failed: $(cat said.one)"
# Cells that the other one had in hand are looked at again.
"$program" sweep my.toml --results one
cut -d, -f1-3,17 real/accuracy.csv
[ "$(tail -n +2 real/accuracy.csv | wc -l)" = 6 ] || fail "a cell was done twice"
[ -z "$(find real -name '*.lock')" ] || fail "lock files are left"
for said in said.one said.two; do
    grep "may hold on one machine alone" "$said"
    [ "$(grep -c "may hold on one machine alone" "$said")" = 1 ] || fail "it was said more than once"
done
printf '\nall of it works\n'
