"""The PyTorch side of training: its pipelines and modes, and which serve a case best.

A case says what is trained: `model`, `profile`, `input_size`, `batch`, `steps`, `params`
and `macs`, and `case`, its name.
"""

import os
import sys

import comparison
from comparison import FOLDER, HERE

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
    "contiguous": ["--engine", "eager"],
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


def work(args, case):
    """The flags that both sides share."""
    names = ("model", "profile", "input_size", "steps")
    flags = [part for n in names for part in (f"--{n.replace('_', '-')}", case[n])]
    flags += ["--batch-size", case["batch"], "--threads", args.threads]
    # A short run at the rate of a long one would diverge; speed does not depend on it.
    return [str(flag) for flag in [*flags, "--learning-rate", 0.01]]


def train(args, case, pipeline, mode="channels_last"):
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
            speed = train(args, short, name)["images_per_second"]
            speeds[name] = max(speed, speeds[name])
    found = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    print(f"{case['case']}: PyTorch's pipelines in img/s: {found}", file=sys.stderr)
    return max(speeds, key=speeds.get)


def fastest_mode(args, case, pipeline):
    """By short runs, in rounds; what compiles has done so before it is timed."""
    short = {**case, "steps": max(case["steps"] // 2, 6)}
    speeds = dict.fromkeys(MODES, 0.0)
    for _ in range(args.trials):
        for name in MODES:
            speed = train(args, short, pipeline, name)["images_per_second"]
            speeds[name] = max(speed, speeds[name])
    found = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    print(f"{case['case']}: PyTorch's modes in img/s: {found}", file=sys.stderr)
    return max(speeds, key=speeds.get)


def fastest(args, case):
    """The pipeline and the mode that were asked for, or else the fastest."""
    pipeline = args.pipeline or fastest_pipeline(args, case)
    return pipeline, args.mode or fastest_mode(args, case, pipeline)


def options(args, mode):
    """How the peer ran, in the words of the tables."""
    words = [args.library, mode, "fused SGD"]
    return " + ".join(words + (["keeping freed memory"] if args.keep_memory else []))


def add_search(parser):
    """The flags of the search for its fastest way, and of what it is given beside."""
    add = parser.add_argument
    add("--trials", type=int, default=2, help="short runs of each pipeline and mode before them")
    add("--pipeline", choices=list(PIPELINES), help="do not look for the fastest")
    add("--mode", choices=list(MODES), help="do not look for the fastest")
    how = "give the peer zoo-train's allocator"
    add("--keep-memory", action="store_true", help=how)
