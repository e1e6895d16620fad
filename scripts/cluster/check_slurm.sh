#!/usr/bin/env bash
# Sweeps on a real Slurm: arrays that count and that train, tasks that are requeued, whose time is up, or that are killed, parts
# in folders of their own that are put together, srun without an array, and two
# processes that train one network. A few minutes on two cores.
#
#   cargo build -p zoo-train && sudo scripts/cluster/check_slurm.sh [PROGRAM]
#
# starts a Slurm of this one machine (slurm.sh) and ends it again. PROGRAM is target/debug/zoo-train unless given.
set -euo pipefail
scripts=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
program=$(realpath "${1:-$scripts/../../target/debug/zoo-train}")
[ -x "$program" ] || { echo "there is no $program: cargo build -p zoo-train" >&2; exit 1; }

folder=$(mktemp -d /tmp/zoo-slurm-XXXXXX)
chmod 755 "$folder"
passed=
finish() {
    scancel --user root >/dev/null 2>&1 || true
    "$scripts/slurm.sh" stop "$folder/slurm"
    if [ -n "$passed" ]; then rm -rf "$folder"; else echo "FAILED; what is left is in $folder" >&2; fi
}
trap finish EXIT
eval "$("$scripts/slurm.sh" start "$folder/slurm")"
cd "$folder"
sinfo

heading() { printf '\n=== %s\n' "$*"; }
fail() { echo "$*" >&2; exit 1; }

# Waits until SECONDS at most for `command` to succeed.
until_true() {
    local limit=$1
    shift
    for _ in $(seq "$((limit * 2))"); do
        if "$@"; then return; fi
        sleep 0.5
    done
    squeue || true
    fail "nothing happened for $limit s: $*"
}
is_over() { [ -z "$(squeue -h -j "$1" 2>/dev/null)" ]; }
is_running() { [ "$(squeue -h -j "$1" -t RUNNING 2>/dev/null | wc -l)" -ge 1 ]; }
is_waiting() { [ "$(squeue -h -j "$1" -t PENDING 2>/dev/null | wc -l)" -ge 1 ]; }
has_checkpoint() { ls results/*"$1"*/last.safetensors >/dev/null 2>&1; }
# A task that was requeued waits for two minutes before it starts.
start_at_once() { scontrol update "JobId=$1" StartTime=now 2>/dev/null || true; }
rows() { tail -n +2 "$1" | wc -l; }

cat >count.toml <<'TOML'
[[grid]]
kind = "count"
model = ["mobilenet-v?", "efficientnet-b?"]
width = [1, 0.75, 0.5]
input_size = [224, 192, 160]
TOML
cat >train.toml <<'TOML'
[[grid]]
kind = "accuracy"
model = "mobilenet-v3-small"
width = [0.35, 0.5, 0.75, 1]
threads = 1

[grid.settings]
data.dataset = "synthetic"
data.limit_train = 640
data.limit_test = 100
schedule.batch_size = 16
schedule.epochs = 12
run.checkpoint_every = 5
TOML

heading "an array of 4 that counts"
"$program" sweep count.toml --quiet --emit slurm --shards 4 >count.sh
cat count.sh
job=$(sbatch --parsable --cpus-per-task=1 count.sh)
until_true 120 is_over "$job"
cat slurm-"$job"_*.out
counted=$(rows results/count.csv)
[ "$counted" -gt 0 ] && [ "$(tail -n +2 results/count.csv | sort -u | wc -l)" = "$counted" ] || fail "rows are there twice"
"$program" sweep count.toml --dry-run | tail -1 | tee said
grep -q ", 0 missing" said || fail "cells are missing"

heading "an array of 4 that trains; of the tasks one is requeued, one has its time up, one is killed"
"$program" sweep train.toml --emit slurm >train.sh
job=$(sbatch --parsable train.sh)
until_true 60 is_running "${job}_1"
until_true 120 has_checkpoint small-stem1
scontrol requeue "${job}_1"
until_true 60 is_waiting "${job}_1"
start_at_once "${job}_1"
until_true 120 has_checkpoint width0.75
# As Slurm does 90 seconds before the end: to the batch script alone.
scancel --batch --signal=USR1 "${job}_2"
until_true 120 is_waiting "${job}_2"
until_true 120 has_checkpoint width0.5
processes=$(scontrol listpids "$(squeue -h -j "${job}_3" -o %A)" | awk 'NR > 1 && $1 > 0 { print $1 }')
# shellcheck disable=SC2086
kill -KILL $processes
for _ in $(seq 240); do
    is_over "$job" && break
    for task in 1 2 3 4; do start_at_once "${job}_$task"; done
    sleep 2
done
is_over "$job" || fail "the array does not end"
cat slurm-"$job"_*.out
for task in 1 2; do
    grep -q "stopped; the same command continues" slurm-"$job"_"$task".out || fail "task $task was not stopped"
    grep -q "continuing from step" slurm-"$job"_"$task".out || fail "task $task began anew"
done
"$program" sweep train.toml --dry-run | tail -1 | tee said
grep -q "4 cells: 3 done, 0 failed earlier, 1 missing" said || fail "not the killed task alone is missing"
job=$(sbatch --parsable --array=3 train.sh)
until_true 120 is_over "$job"
cat slurm-"$job"_3.out
grep -q "part 3/4" slurm-"$job"_3.out || fail "the task that was submitted again did another part"
grep -q "continuing from step" slurm-"$job"_3.out || fail "the killed task began anew"
"$program" sweep train.toml --dry-run | tail -1 | tee said
grep -q "4 cells: 4 done" said || fail "cells are missing"
cut -d, -f1-3,9-12,17 results/accuracy.csv

heading "parts in folders of their own, put together"
cat >apart.sh <<SCRIPT
#!/bin/bash
#SBATCH --array=0-3
exec "$program" sweep count.toml --quiet --shard auto --results "part\$SLURM_ARRAY_TASK_ID"
SCRIPT
job=$(sbatch --parsable apart.sh)
until_true 120 is_over "$job"
"$program" sweep --merge part0 part1 part2 part3 --results merged
diff <(sort results/count.csv) <(sort merged/count.csv) || fail "the merged table differs from that of one folder"
"$program" sweep --merge part0 part1 part2 part3 --results merged
[ "$(rows merged/count.csv)" = "$counted" ] || fail "rows are there twice"

heading "two processes by srun, without an array"
srun -n 2 "$program" sweep count.toml --quiet --shard auto --results by-srun
diff <(sort results/count.csv) <(sort by-srun/count.csv) || fail "rows differ"

heading "two processes by srun train one network; one is killed, and the same command goes on"
together=(--model mobilenet-v3-small --width 0.35 --dataset synthetic --limit-train 640 --limit-test 200 --batch-size 32
    --steps 400 --checkpoint-every 20 --resume auto --quiet)
srun -n 2 "$program" "${together[@]}" --results undisturbed
srun -n 2 "$program" "${together[@]}" --results disturbed 2>disturbed.txt &
step=$!
until_true 60 test -e disturbed/mobilenet-v3-small-width0.35-stem1-32px-seed0/last.safetensors
pkill -KILL -n -f "results disturbed" || fail "there was nothing to kill"
if wait "$step"; then fail "a run without one of its processes ended well"; fi
grep "gives no sign of life" disturbed.txt || fail "nobody said which process was gone"
srun -n 2 "$program" "${together[@]}" --results disturbed
hash_of() { python3 -c 'import sys; data = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(data[8 + int.from_bytes(data[:8], "little"):])' "$1"/*/last.safetensors | md5sum; }
[ "$(hash_of undisturbed)" = "$(hash_of disturbed)" ] || fail "the weights differ"

heading "exit codes"
sed -e 's/schedule.epochs = 12/schedule.epochs = 1\nschedule.learning_rate = 1e30/' train.toml >hopeless.toml
"$program" sweep hopeless.toml --emit slurm --shards 1 >hopeless.sh
code=0
sbatch --wait hopeless.sh || code=$?
[ "$code" = 42 ] || fail "exit code $code in place of 42"

heading "a time limit of two minutes: Slurm itself says that the end is near"
sed -e 's/schedule.epochs = 12/schedule.epochs = 100000/' -e 's/width = .*/width = 0.35/' train.toml >long.toml
"$program" sweep long.toml --emit slurm >long.sh
job=$(sbatch --parsable --time=2 long.sh)
until_true 60 is_running "$job"
until_true 150 is_waiting "$job"
grep "stopping, as\|stopped at\|stopped; \|stopped, and\|DUE TO" slurm-"$job"_1.out
grep -q "stopped, and the same command continues" slurm-"$job"_1.out || fail "it did not save"
scancel "$job"

passed=yes
printf '\nall of it works\n'
