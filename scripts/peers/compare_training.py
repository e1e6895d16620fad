"""Training speed of `zoo-train` beside PyTorch's, in paired runs, appended to a CSV.

For each case the peer's fastest data pipeline is found first; then zoo and peer run in
turn, each a fresh process, and the ratio of each pair is taken.
"""

import argparse
import csv
import datetime
import os
import statistics
import sys
import tempfile

import comparison
import table
import torch_side
from comparison import counts, run
from torch_side import work

# Model, profile, input size, batch, and steps that take a run of some ten seconds.
CASES = {
    "mobilenet-v2-32px": ("mobilenet-v2", "native", 32, 128, 60),
    "mobilenet-v2-32px-cifar": ("mobilenet-v2", "cifar", 32, 128, 12),
    "efficientnet-b0-64px": ("efficientnet-b0", "native", 64, 32, 60),
    "mobilenet-v2-128px": ("mobilenet-v2", "native", 128, 32, 24),
    "mobilenet-v3-small-64px": ("mobilenet-v3-small", "native", 64, 64, 100),
}

COLUMNS = [
    "case",
    "model",
    "profile",
    "input_size",
    "batch",
    "threads",
    "pairs",
    "zoo_images_per_second",
    "torch_images_per_second",
    "ratio_median",
    "ratio_min",
    "ratio_max",
    "torch_pipeline",
    "zoo_peak_mb",
    "torch_peak_mb",
    "cpu",
    "torch",
    "revision",
    "date",
    "steps",
    "params",
    "macs",
    "torch_options",
]


def zoo(args, case):
    """One run of the zoo: its row of the table, and its peak memory."""
    with tempfile.TemporaryDirectory() as results:
        command = [args.zoo, *work(args, case), "--limit-test", "250", "--quiet"]
        command += ["--results", results, "--data-dir", args.data_dir]
        _, peak = run(command, "zoo-train")
        path = os.path.join(results, "accuracy.csv")
        try:
            with open(path, newline="", encoding="utf-8") as file:
                row = list(csv.DictReader(file))[-1]
            row["images_per_second"] = float(row["images_per_second"])
        except (OSError, IndexError, KeyError, ValueError):
            sys.exit("zoo-train left no row with images_per_second in its accuracy.csv")
    if row["status"] != "done":
        sys.exit(f"zoo-train did not finish: {row['status']}")
    return row, peak


def measure(args, case):
    """The row of one case."""
    case["params"], case["macs"] = counts(args, case)
    pipeline, mode = torch_side.fastest(args, case)
    zoos, peers, peaks = [], [], []
    for number in range(1, args.pairs + 1):
        row, peak = zoo(args, case)
        line = torch_side.train(args, case, pipeline, mode)
        zoos.append(row["images_per_second"])
        peers.append(line["images_per_second"])
        peaks.append((peak, line["peak_mb"]))
        pair = f"{case['case']}, pair {number} of {args.pairs}: zoo {zoos[-1]:.1f}"
        print(f"{pair}, PyTorch {peers[-1]:.1f} img/s", file=sys.stderr)
    ratios = [ours / theirs for ours, theirs in zip(zoos, peers)]
    return {
        **case,
        "threads": args.threads,
        "pairs": args.pairs,
        "zoo_images_per_second": f"{statistics.median(zoos):.1f}",
        "torch_images_per_second": f"{statistics.median(peers):.1f}",
        "ratio_median": f"{statistics.median(ratios):.3f}",
        "ratio_min": f"{min(ratios):.3f}",
        "ratio_max": f"{max(ratios):.3f}",
        "torch_pipeline": pipeline,
        "zoo_peak_mb": f"{statistics.median(ours for ours, _ in peaks):.0f}",
        "torch_peak_mb": f"{statistics.median(theirs for _, theirs in peaks):.0f}",
        "cpu": row["cpu"],
        "torch": line["torch"],
        "revision": row["revision"],
        "date": datetime.date.today().isoformat(),
        "torch_options": torch_side.options(args, mode),
    }


def parsed_case(text):
    """A name, or MODEL:PROFILE:SIZE:BATCH:STEPS for one that has no name."""
    if text in CASES:
        parts = CASES[text]
    else:
        parts = text.split(":")
        try:
            parts = (*parts[:2], *(int(part) for part in parts[2:]))
        except ValueError:
            parts = ()
        if len(parts) != 5 or min(parts[2:]) < 1:
            known = f"choose from {', '.join(CASES)}"
            how = f"no case {text}: {known}, or give MODEL:PROFILE:SIZE:BATCH:STEPS"
            raise argparse.ArgumentTypeError(how)
    names = ("model", "profile", "input_size", "batch", "steps")
    return {"case": text.replace(":", "-"), **dict(zip(names, parts))}


def arguments():
    parser = comparison.parser(__doc__, "speed-training.csv")
    add = parser.add_argument
    case = "a name or MODEL:PROFILE:SIZE:BATCH:STEPS; may be repeated [default: "
    add(
        "--case",
        action="append",
        type=parsed_case,
        help=case + "all of " + ", ".join(CASES) + "]",
    )
    add("--pairs", type=int, default=5)
    add("--steps", type=int, help="timed steps a run, in place of the case's")
    add("--threads", type=int, default=2)
    add("--library", choices=["torchvision", "timm"], default="torchvision")
    torch_side.add_search(parser)
    comparison.add_data(parser)
    return comparison.parsed(parser, ("pairs", "trials", "steps", "threads"), COLUMNS)


def main():
    args = arguments()
    for case in args.case or [parsed_case(name) for name in CASES]:
        row = measure(args, {**case, "steps": args.steps or case["steps"]})
        table.append(args.out, row, COLUMNS)
        print(f"{row['case']}: {row['ratio_median']} times PyTorch's speed", end=" ")
        print(f"({row['ratio_min']} to {row['ratio_max']})", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
