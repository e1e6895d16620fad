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
from comparison import FOLDER, HERE, counts, run

# Model, profile, input size, batch, and steps that take a run of some ten seconds.
CASES = {
    "mobilenet-v2-32px": ("mobilenet-v2", "native", 32, 128, 60),
    "mobilenet-v2-32px-cifar": ("mobilenet-v2", "cifar", 32, 128, 12),
    "efficientnet-b0-64px": ("efficientnet-b0", "native", 64, 32, 60),
    "mobilenet-v2-128px": ("mobilenet-v2", "native", 128, 32, 24),
    "mobilenet-v3-small-64px": ("mobilenet-v3-small", "native", 64, 64, 100),
}

# The peer's pipelines by the name they have in the table.
PIPELINES = {
    "tensor": ["--pipeline", "tensor"],
    "pil-0": ["--pipeline", "pil", "--workers", "0"],
    "pil-1": ["--pipeline", "pil", "--workers", "1"],
    "pil-2": ["--pipeline", "pil", "--workers", "2"],
}

# Other ways of the peer to run, by the words they have in the table.
MODES = {
    "channels_last": [],
    "contiguous": ["--mode", "eager"],
    "channels_last + compiled": ["--compile"],
}

# What zoo-train tells glibc in its first line, as glibc's own environment variables:
# freed memory is kept, so that a step does not fault in its activations anew, and the
# heap has huge pages.
KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
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


def work(args, case):
    """The flags that both sides share."""
    names = ("model", "profile", "input_size", "steps")
    flags = [part for n in names for part in (f"--{n.replace('_', '-')}", case[n])]
    flags += ["--batch-size", case["batch"], "--threads", args.threads]
    # A short run at the rate of a long one would diverge; speed does not depend on it.
    return [str(flag) for flag in [*flags, "--learning-rate", 0.01]]


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


def peer(args, case, pipeline, mode="channels_last"):
    """One run of the peer: the line it prints."""
    data = os.path.join(args.data_dir, FOLDER)
    command = [args.python, os.path.join(HERE, "train_torch.py"), *work(args, case)]
    command += [*PIPELINES[pipeline], "--library", args.library, "--data-dir", data]
    command += ["--params", str(case["params"]), "--macs", str(case["macs"])]
    command += MODES[mode]
    environment = KEEP_MEMORY if args.keep_memory else None
    return comparison.said(command, "the PyTorch peer", environment)


def fastest_pipeline(args, case):
    """By short runs, in rounds; the pairs themselves choose nothing."""
    short = {**case, "steps": max(case["steps"] // 2, 6)}
    speeds = dict.fromkeys(PIPELINES, 0.0)
    # The best of the rounds counts: whatever else the machine does only slows a run,
    # and a pipeline chosen by such a moment would flatter the zoo.
    for _ in range(args.trials):
        for name in PIPELINES:
            speed = peer(args, short, name)["images_per_second"]
            speeds[name] = max(speed, speeds[name])
    found = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    print(f"{case['case']}: PyTorch's pipelines in img/s: {found}", file=sys.stderr)
    return max(speeds, key=speeds.get)


def fastest_mode(args, case, pipeline):
    """By one short run each; what compiles has done so before it is timed."""
    short = {**case, "steps": max(case["steps"] // 2, 6)}
    run_of = {name: peer(args, short, pipeline, name) for name in MODES}
    speeds = {name: line["images_per_second"] for name, line in run_of.items()}
    found = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    print(f"{case['case']}: PyTorch's modes in img/s: {found}", file=sys.stderr)
    return max(speeds, key=speeds.get)


def measure(args, case):
    """The row of one case."""
    case["params"], case["macs"] = counts(args, case)
    pipeline = args.pipeline or fastest_pipeline(args, case)
    mode = args.mode or fastest_mode(args, case, pipeline)
    zoos, peers, peaks = [], [], []
    for number in range(1, args.pairs + 1):
        row, peak = zoo(args, case)
        line = peer(args, case, pipeline, mode)
        zoos.append(row["images_per_second"])
        peers.append(line["images_per_second"])
        peaks.append((peak, line["peak_mb"]))
        pair = f"{case['case']}, pair {number} of {args.pairs}: zoo {zoos[-1]:.1f}"
        print(f"{pair}, PyTorch {peers[-1]:.1f} img/s", file=sys.stderr)
    ratios = [ours / theirs for ours, theirs in zip(zoos, peers)]
    options = [args.library, mode, "fused SGD"]
    options += ["keeping freed memory"] if args.keep_memory else []
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
        "torch_options": " + ".join(options),
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
    add("--trials", type=int, default=2, help="short runs of each pipeline before them")
    add("--steps", type=int, help="timed steps a run, in place of the case's")
    add("--threads", type=int, default=2)
    add("--pipeline", choices=list(PIPELINES), help="do not look for the fastest")
    add("--library", choices=["torchvision", "timm"], default="torchvision")
    add("--mode", choices=list(MODES), help="do not look for the fastest")
    add(
        "--keep-memory", action="store_true", help="give the peer zoo-train's allocator"
    )
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
