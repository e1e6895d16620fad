"""Time to an accuracy on CIFAR-10, `zoo-train` beside PyTorch, in paired runs, appended
to a CSV.

The same network and recipe on both sides; or, with several networks, each side its
fastest: the medians of all are compared, and the best of each side meet.
"""

import csv
import datetime
import os
import statistics
import sys
import tempfile

import comparison
import table
from comparison import FOLDER, HERE, counts, run

# Model, profile, epochs, learning rate, steps of warm-up, and the library that has it.
# Epochs must do for either side: of MobileNetV1 at half width, 7 are too few in PyTorch.
CASES = {
    "mobilenet-v2": ("mobilenet-v2", "stem1", 6, 0.2, 512, "torchvision"),
    "mobilenet-v1-0.5": ("mobilenet-v1-0.5", "stem1", 9, 0.2, 512, "timm"),
}

COLUMNS = [
    "case",
    "model",
    "profile",
    "input_size",
    "batch",
    "epochs",
    "learning_rate",
    "threads",
    "target_top1",
    "pairs",
    "zoo_seconds",
    "torch_seconds",
    "ratio_median",
    "ratio_min",
    "ratio_max",
    "zoo_top1",
    "torch_top1",
    "cpu",
    "torch",
    "revision",
    "date",
]


def work(args, case, seed):
    """The flags that both sides share."""
    flags = []
    for name in ("model", "profile", "input_size", "epochs", "learning_rate"):
        flags += [f"--{name.replace('_', '-')}", str(case[name])]
    flags += ["--batch-size", str(case["batch"]), "--threads", str(args.threads)]
    return [*flags, "--warmup-steps", str(case["warmup_steps"]), "--seed", str(seed)]


def reached(rows, target):
    """Seconds and accuracy of the first evaluation at the target, or else of the last."""
    found = [(float(row["seconds"]), float(row["test_top1"])) for row in rows]
    return next((result for result in found if result[1] >= target), found[-1])


def zoo(args, case, seed):
    """One run of the zoo: seconds, accuracy, and its row of the table."""
    with tempfile.TemporaryDirectory() as results:
        command = [args.zoo, *work(args, case, seed), "--schedule", "linear"]
        command += ["--dropout", "0", "--quiet", "--results", results]
        run([*command, "--data-dir", args.data_dir], "zoo-train")
        with open(os.path.join(results, "accuracy.csv"), newline="") as file:
            row = list(csv.DictReader(file))[-1]
        with open(os.path.join(results, row["run"], "metrics.csv"), newline="") as file:
            found = reached(csv.DictReader(file), args.target)
    return found, row


def peer(args, case, seed):
    """One run of the peer."""
    data = os.path.join(args.data_dir, FOLDER)
    command = [args.python, os.path.join(HERE, "time_torch.py"), *work(args, case, seed)]
    command += ["--library", case["library"], "--data-dir", data]
    command += ["--params", str(case["params"]), "--macs", str(case["macs"])]
    line = comparison.said([*command, "--target", str(args.target)], "the PyTorch peer")
    return (line["seconds"], line["top1"][-1]), line


def middle(results, place):
    """The median of the seconds (place 0) or accuracies (1) of one side."""
    return statistics.median(result[place] for result in results)


def measure(args, name):
    """The row of one case."""
    fields = ("model", "profile", "epochs", "learning_rate", "warmup_steps", "library")
    case = {**dict(zip(fields, CASES[name])), "input_size": 32, "batch": 128}
    case["params"], case["macs"] = counts(args, case)
    ours, theirs = [], []
    for seed in range(args.pairs):
        found, row = zoo(args, case, seed)
        other, line = peer(args, case, seed)
        for side, (_, top1) in (("zoo-train", found), ("PyTorch", other)):
            if top1 < args.target:
                short = f"came to {top1:.2f} and not to {args.target} %, seed {seed}"
                sys.exit(f"{name}: {side} {short}")
        ours.append(found)
        theirs.append(other)
        pair = f"{name}, pair {seed + 1} of {args.pairs}: zoo {found[0]:.1f} s"
        print(f"{pair}, PyTorch {other[0]:.1f} s", file=sys.stderr)
    ratios = [our[0] / their[0] for our, their in zip(ours, theirs)]
    kept = {key: case[key] for key in case if key in COLUMNS}
    return {
        **kept,
        "case": name,
        "threads": args.threads,
        "target_top1": args.target,
        "pairs": args.pairs,
        "zoo_seconds": f"{middle(ours, 0):.1f}",
        "torch_seconds": f"{middle(theirs, 0):.1f}",
        "ratio_median": f"{statistics.median(ratios):.3f}",
        "ratio_min": f"{min(ratios):.3f}",
        "ratio_max": f"{max(ratios):.3f}",
        "zoo_top1": f"{middle(ours, 1):.2f}",
        "torch_top1": f"{middle(theirs, 1):.2f}",
        "cpu": row["cpu"],
        "torch": line["torch"],
        "revision": row["revision"],
        "date": datetime.date.today().isoformat(),
    }


def arguments():
    parser = comparison.parser(__doc__, "time-to-accuracy.csv")
    add = parser.add_argument
    add("--case", action="append", choices=list(CASES), help="[default: all]")
    add("--pairs", type=int, default=5, help="each with a seed of its own")
    add("--target", type=float, default=80.0, help="percent of the test set")
    add("--threads", type=int, default=2)
    comparison.add_data(parser)
    return comparison.parsed(parser, ("pairs", "threads"), COLUMNS)


def main():
    args = arguments()
    rows = []
    for name in args.case or CASES:
        row = measure(args, name)
        table.append(args.out, row, COLUMNS)
        rows.append(row)
        print(f"{name}: {row['ratio_median']} of PyTorch's time", end=" ")
        print(f"({row['ratio_min']} to {row['ratio_max']})", flush=True)
    if len(rows) > 1:
        ours = min(rows, key=lambda row: float(row["zoo_seconds"]))
        theirs = min(rows, key=lambda row: float(row["torch_seconds"]))
        ratio = float(ours["zoo_seconds"]) / float(theirs["torch_seconds"])
        print(f"each its fastest: {ours['case']} {ours['zoo_seconds']} s,", end=" ")
        print(f"PyTorch {theirs['case']} {theirs['torch_seconds']} s: {ratio:.3f}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
