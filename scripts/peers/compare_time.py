"""Time to an accuracy on CIFAR-10, `zoo-train` beside PyTorch, in paired runs.

The same network and recipe on both sides, a row of the table a pair; with several
networks the last line sets the fastest of each side against each other. What the table
holds already is not run again.
"""

import csv
import datetime
import os
import statistics
import sys
import tempfile

import comparison
import table
import torch_side
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
    "seed",
    "zoo_seconds",
    "torch_seconds",
    "ratio",
    "zoo_top1",
    "torch_top1",
    "zoo_epochs",
    "torch_epochs",
    "cpu",
    "torch",
    "torch_pipeline",
    "torch_options",
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
    """Seconds, accuracy and epoch of the first evaluation at the target, or the last."""
    found = [
        (float(row["seconds"]), float(row["test_top1"]), round(float(row["epoch"])))
        for row in rows
    ]
    return next((result for result in found if result[1] >= target), found[-1])


def zoo(args, case, seed):
    """One run of the zoo: seconds, accuracy and epoch, and its row of the table."""
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
    """One run of the peer: seconds, accuracy and epoch, and the line it prints."""
    data = os.path.join(args.data_dir, FOLDER)
    command = [args.python, os.path.join(HERE, "time_torch.py"), *work(args, case, seed)]
    command += ["--library", args.library, "--data-dir", data]
    command += ["--params", str(case["params"]), "--macs", str(case["macs"])]
    command += torch_side.PIPELINES[case["pipeline"]] + torch_side.MODES[case["mode"]]
    environment = torch_side.KEEP_MEMORY if args.keep_memory else None
    what = "the PyTorch peer"
    command += ["--target", str(args.target)]
    line = comparison.said(command, what, environment)
    return (line["seconds"], line["top1"][-1], line["epochs"]), line


def pair(args, case, seed):
    """The row of one pair."""
    (seconds, top1, epochs), row = zoo(args, case, seed)
    (torch_seconds, torch_top1, torch_epochs), line = peer(args, case, seed)
    for side, found in (("zoo-train", top1), ("PyTorch", torch_top1)):
        if found < args.target:
            short = f"came to {found:.2f} and not to {args.target} %, seed {seed}"
            sys.exit(f"{case['case']}: {side} {short}")
    return {
        **{key: case[key] for key in case if key in COLUMNS},
        "threads": args.threads,
        "target_top1": args.target,
        "seed": seed,
        "zoo_seconds": f"{seconds:.1f}",
        "torch_seconds": f"{torch_seconds:.1f}",
        "ratio": f"{seconds / torch_seconds:.3f}",
        "zoo_top1": f"{top1:.2f}",
        "torch_top1": f"{torch_top1:.2f}",
        "zoo_epochs": epochs,
        "torch_epochs": torch_epochs,
        "cpu": row["cpu"],
        "torch": line["torch"],
        "torch_pipeline": case["pipeline"],
        "torch_options": torch_side.options(args, case["mode"]),
        "revision": row["revision"],
        "date": datetime.date.today().isoformat(),
    }


def named(args, name):
    """A case by its name."""
    fields = ("model", "profile", "epochs", "learning_rate", "warmup_steps", "library")
    case = {**dict(zip(fields, CASES[name])), "input_size": 32, "batch": 128}
    case["params"], case["macs"] = counts(args, case)
    args.library = case["library"]
    return {**case, "case": name}


def asked_for(args, row):
    """Whether the peer ran in the way that the flags ask for, where they do."""
    ways = row["torch_options"].split(" + ", 1)[1]
    kept = "keeping freed memory" in ways
    pipeline = args.pipeline in (None, row["torch_pipeline"])
    mode = args.mode is None or ways.split(" + fused")[0] == args.mode
    return kept == args.keep_memory and pipeline and mode


def present(args, case):
    """The rows of the case that the table holds, of seeds that are asked for."""
    wanted = {key: str(case[key]) for key in ("case", "epochs", "learning_rate")}
    wanted |= {"threads": str(args.threads), "target_top1": str(args.target)}
    rows = [
        row
        for row in table.rows(args.out)
        if all(row[key] == value for key, value in wanted.items())
        and asked_for(args, row)
    ]
    return {seed: row for row in rows if (seed := int(row["seed"])) < args.pairs}


def one_condition(args, rows):
    """Refuses a median over machines or builds: each wants a table of its own."""
    for column in ("cpu", "torch", "revision"):
        found = sorted({row[column] for row in rows})
        if len(found) > 1:
            what = f"rows of this case have several values of {column}"
            sys.exit(f"{args.out}: {what}, {', '.join(found)}: move it away or name --out")


def measure(args, name):
    """The rows of one case, those that are missing measured."""
    case = named(args, name)
    rows = present(args, case)
    missing = [seed for seed in range(args.pairs) if seed not in rows]
    if missing:
        # Some ten seconds of either side are enough to choose the peer's way.
        case["pipeline"], case["mode"] = torch_side.fastest(args, {**case, "steps": 40})
    for seed in missing:
        rows[seed] = row = pair(args, case, seed)
        table.append(args.out, row, COLUMNS)
        print(f"{name}, seed {seed}: zoo {row['zoo_seconds']} s,", end=" ")
        print(f"PyTorch {row['torch_seconds']} s, {row['ratio']}", flush=True)
    one_condition(args, rows.values())
    return list(rows.values())


def middle(rows, column):
    return statistics.median(float(row[column]) for row in rows)


def arguments():
    parser = comparison.parser(__doc__, "time-to-accuracy.csv")
    add = parser.add_argument
    add("--case", action="append", choices=list(CASES), help="[default: all]")
    add("--pairs", type=int, default=5, help="each with a seed of its own")
    add("--target", type=float, default=80.0, help="percent of the test set")
    add("--threads", type=int, default=2)
    torch_side.add_search(parser)
    comparison.add_data(parser)
    return comparison.parsed(parser, ("pairs", "trials", "threads"), COLUMNS)


def main():
    args = arguments()
    sides = {"zoo_seconds": {}, "torch_seconds": {}}
    for name in args.case or CASES:
        rows = measure(args, name)
        ratios = [float(row["ratio"]) for row in rows]
        print(f"{name}: {statistics.median(ratios):.3f} of PyTorch's time", end=" ")
        print(f"({min(ratios):.3f} to {max(ratios):.3f})", flush=True)
        for column, medians in sides.items():
            medians[name] = middle(rows, column)
    if len(args.case or CASES) > 1:
        (ours, zoo_time), (theirs, torch_time) = (
            min(medians.items(), key=lambda item: item[1]) for medians in sides.values()
        )
        print(f"each its fastest: {ours} {zoo_time:.1f} s, PyTorch {theirs}", end=" ")
        print(f"{torch_time:.1f} s: {zoo_time / torch_time:.3f}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
