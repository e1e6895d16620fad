"""Latency of `zoo-train latency` beside PyTorch's, in paired runs, appended to a CSV.

Zoo and peer run in turn, each a fresh process that measures all its modes in
interleaved rounds; the ratios of each pair are taken to the peer's eager mode.
"""

import csv
import datetime
import os
import statistics
import sys
import tempfile

import comparison
import table
from comparison import HERE, run
from latency_torch import MODES, NETWORKS

ZOO_MODES = ("eager", "libtorch", "zoo")

COLUMNS = [
    "model",
    "input_size",
    "batch",
    "threads",
    "side",
    "mode",
    "pairs",
    "p50_ms",
    "of_eager",
    "of_eager_min",
    "of_eager_max",
    "of_compiled",
    "macs",
    "params",
    "status",
    "cpu",
    "torch",
    "revision",
    "date",
]


def zoo(args, model):
    """One run of the zoo: its rows by mode."""
    command = [args.zoo, "latency", model, "--format", "csv", "--batch", args.batch]
    command += ["--input-size", args.input_size, "--threads", args.threads]
    command += ["--runs", args.runs, "--seconds", args.seconds]
    command += ["--engine", ",".join(ZOO_MODES)]
    with tempfile.TemporaryDirectory() as results:
        command = [*map(str, command), "--results", results]
        output, _ = run(command, "zoo-train latency")
    return {row["engine"]: row for row in csv.DictReader(output.splitlines())}


def peer(args, model, params):
    """One run of the peer: the line it prints."""
    command = [args.python, os.path.join(HERE, "latency_torch.py"), "--model", model]
    command += ["--input-size", args.input_size, "--batch", args.batch]
    command += ["--threads", args.threads, "--params", params]
    command += ["--runs", args.runs, "--seconds", args.seconds]
    return comparison.said(list(map(str, command)), "the PyTorch peer")


def measure(args, model):
    """The rows of one network: a side and a mode each."""
    times = {}
    failed = {}
    for number in range(1, args.pairs + 1):
        rows = zoo(args, model)
        line = peer(args, model, next(iter(rows.values()))["params"])
        pair = {("zoo", mode): float(row["p50_ms"]) for mode, row in rows.items()}
        for mode, ms in line["p50_ms"].items():
            pair["torch", mode] = ms
        failed.update({("torch", mode): why for mode, why in line["failed"].items()})
        for key, ms in pair.items():
            times.setdefault(key, []).append(ms)
        said = ", ".join(f"{side} {mode} {ms:.2f}" for (side, mode), ms in pair.items())
        print(f"{model}, pair {number} of {args.pairs}, ms: {said}", file=sys.stderr)
    row = next(iter(rows.values()))
    sides = [("zoo", mode) for mode in ZOO_MODES] + [("torch", mode) for mode in MODES]
    for side, mode in sides:
        ours = times.get((side, mode))
        values = {"pairs": args.pairs, "status": failed.get((side, mode), "done")}
        if ours:
            ratios = [a / b for a, b in zip(ours, times["torch", "eager"])]
            values["p50_ms"] = f"{statistics.median(ours):.3f}"
            values["of_eager"] = f"{statistics.median(ratios):.3f}"
            values["of_eager_min"] = f"{min(ratios):.3f}"
            values["of_eager_max"] = f"{max(ratios):.3f}"
        if ours and ("torch", "compiled") in times:
            ratios = [a / b for a, b in zip(ours, times["torch", "compiled"])]
            values["of_compiled"] = f"{statistics.median(ratios):.3f}"
        yield {
            "model": model,
            "input_size": args.input_size,
            "batch": args.batch,
            "threads": args.threads,
            "side": side,
            "mode": mode,
            **values,
            "macs": row["macs"],
            "params": row["params"],
            "cpu": row["cpu"],
            "torch": line["torch"],
            "revision": row["revision"],
            "date": datetime.date.today().isoformat(),
        }


def arguments():
    parser = comparison.parser(__doc__, "latency-peers.csv")
    add = parser.add_argument
    add("--model", action="append", choices=list(NETWORKS), help="[default: all four]")
    add("--pairs", type=int, default=5)
    add("--input-size", type=int, default=224)
    add("--batch", type=int, default=1)
    add("--threads", type=int, default=1)
    add("--runs", type=int, default=60, help="timed runs of each mode, at least")
    add("--seconds", type=float, default=0.5, help="time of each mode, at least")
    positive = ("pairs", "input_size", "batch", "threads", "runs")
    return comparison.parsed(parser, positive, COLUMNS)


def main():
    args = arguments()
    for model in args.model or NETWORKS:
        for row in measure(args, model):
            table.append(args.out, row, COLUMNS)
            found = f"{row['side']:<5} {row['mode']:<26} {row.get('p50_ms', '-'):>8} ms"
            ratio = row.get("of_eager", "-")
            print(f"{model:<18} {found}, {ratio} of eager", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
