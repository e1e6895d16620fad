#!/usr/bin/env bash
# Two ranks on two hosts, which are network namespaces of this machine joined by a virtual cable, with the bandwidth and the
# latency of a real one: what an all-reduce takes by its bytes, and what a step of training takes beside the model of
# docs/data-parallel.md. Nothing else may run meanwhile.
#
#   cargo build --release --workspace --examples --bins && sudo scripts/cluster/two_hosts.sh [LINK...]
#
# A LINK is a rate as tc has it, such as 1gbit, or RATE/DELAY with the delay one way: 10gbit/25us and 1gbit/250us have round
# trips of 50 and 500 us. Where the kernel has no netem, slow_link.py makes such a link, on the processors that are measured;
# 0gbit/0us is what it costs by itself. With `none` the cable is as fast as the machine. `none`, 10gbit and 1gbit unless given.
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
program=$root/target/release/zoo-train
bench=$root/target/release/examples/all_reduce
for file in "$program" "$bench"; do
    [ -x "$file" ] || { echo "there is no $file: cargo build --release --workspace --examples --bins" >&2; exit 1; }
done
links=("$@")
[ $# -gt 0 ] || links=(none 10gbit 1gbit)
folder=$(mktemp -d)
forwarder=

finish() {
    [ -z "$forwarder" ] || kill "$forwarder" 2>/dev/null || true
    ip netns delete zoo0 2>/dev/null || true
    ip netns delete zoo1 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
finish
mkdir -p "$folder"
for host in 0 1; do
    ip netns add "zoo$host"
    ip -n "zoo$host" link set lo up
done
ip link add zoo-cable0 netns zoo0 type veth peer name zoo-cable1 netns zoo1
for host in 0 1; do
    ip -n "zoo$host" address add "10.77.0.$((host + 1))/24" dev "zoo-cable$host"
    ip -n "zoo$host" link set "zoo-cable$host" up
done

# slow GIGABITS MICROSECONDS: a link of a process of ours in place of the cable.
slow() {
    local host
    for host in 0 1; do ip -n "zoo$host" address flush dev "zoo-cable$host"; done
    "$root/scripts/cluster/slow_link.py" zoo0 10.77.0.1 zoo1 10.77.0.2 "$(($1 * 1000))" "$2" >"$folder/link" &
    forwarder=$!
    until grep -q ready "$folder/link"; do
        kill -0 "$forwarder" 2>/dev/null || { echo "slow_link.py has ended: it needs root and /dev/net/tun" >&2; exit 1; }
        sleep 0.1
    done
}

shape() {
    local host discipline=(netem rate "${1%/*}" delay "${1#*/}" limit 100000)
    if [ -n "$forwarder" ]; then
        kill "$forwarder" && wait "$forwarder" || true
        forwarder=
        for host in 0 1; do ip -n "zoo$host" address add "10.77.0.$((host + 1))/24" dev "zoo-cable$host"; done
    fi
    case $1 in */*) ;; *) discipline=(tbf rate "$1" burst 512kb latency 100ms) ;; esac
    for host in 0 1; do
        tc -n "zoo$host" qdisc delete dev "zoo-cable$host" root 2>/dev/null || true
        [ "$1" != none ] || continue
        if tc -n "zoo$host" qdisc add dev "zoo-cable$host" root "${discipline[@]}" 2>/dev/null; then continue; fi
        [[ $1 =~ ^([0-9]+)gbit/([0-9]+)us$ ]] ||
            { echo "this kernel cannot shape a link as $1 says; without netem it must be like 1gbit/250us" >&2; exit 1; }
        slow "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        return
    done
}

# both PORT COMMAND...: the command on both hosts; of what they print, rank 0's.
both() {
    local port=$1 host
    shift
    for host in 1 0; do
        ip netns exec "zoo$host" env RANK="$host" WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 MASTER_ADDR=10.77.0.1 \
            MASTER_PORT="$port" "$@" >"$folder/out$host" 2>&1 &
        ranks[host]=$!
    done
    # The link may be a process of this shell, too.
    wait "${ranks[@]}"
    cat "$folder/out0"
}

port=29600
for link in "${links[@]}"; do
    shape "$link"
    printf '\n=== link %s\n' "$link"
    for host in 0 1; do addresses[$host]="10.77.0.$((host + 1))"; done
    for host in 1 0; do
        ip netns exec "zoo$host" env RANK="$host" WORLD_SIZE=2 MASTER_ADDR=10.77.0.1 MASTER_PORT="$port" "$bench" \
            "${addresses[$host]}" >"$folder/out$host" 2>&1 &
        ranks[host]=$!
    done
    # The link may be a process of this shell, too.
    wait "${ranks[@]}"
    cat "$folder/out0"
    for model in mobilenet-v2 efficientnet-b0; do
        port=$((port + 1))
        both "$port" "$program" --model "$model" --profile native --input-size 128 --dataset synthetic --limit-train 640 \
            --limit-test 32 --batch-size 32 --steps 40 --backend gloo --quiet --results "$folder/$link/$model" >/dev/null
        speed=$(python3 - "$folder/$link/$model/accuracy.csv" <<'PYTHON'
import csv, sys
row = list(csv.DictReader(open(sys.argv[1], newline="")))[-1]
print(row["images_per_second"], "img/s, hosts", row["hosts"], row["status"])
PYTHON
        )
        printf '%s, 128 px, batch 32, two ranks: %s\n' "$model" "$speed"
    done
    port=$((port + 1))
done
