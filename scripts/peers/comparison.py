"""What the comparisons share: their command line, and running a side in a fresh process."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import table

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA_DIR = os.path.expanduser("~/.cache/zoo/data")
FOLDER = "cifar-10-batches-bin"


def parser(description, out, binary="zoo-train"):
    """A command line with what each comparison takes: both sides, and the table."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    release = os.path.join(ROOT, "target", "release", *binary.split("/"))
    out = os.path.join(ROOT, "results", out)
    add = made.add_argument
    add("--python", default=sys.executable, help="one that has torch and torchvision")
    add("--zoo", default=release, help=f"{binary} [default: the release build]")
    add("--out", default=out, help="the table to append to")
    return made


def add_data(made):
    """The flag of comparisons that train on CIFAR-10."""
    made.add_argument("--data-dir", default=DATA_DIR, help=f"the folder of {FOLDER}")


def parsed(made, counts, columns, example=None):
    """The arguments, where numbers that count are at least 1 and all that is needed is there."""
    args = made.parse_args()
    for name in counts:
        value = getattr(args, name)
        if value is not None and value < 1:
            made.error(f"--{name.replace('_', '-')} must be at least 1")
    if not os.access(args.zoo, os.X_OK):
        what = f"zoo-train --example {example}" if example else "zoo-train"
        build = f"build it with `cargo build --release -p {what}`"
        sys.exit(f"there is no {args.zoo}: {build} or name another with --zoo")
    folder = os.path.join(getattr(args, "data_dir", HERE), FOLDER)
    if hasattr(args, "data_dir") and not os.path.isdir(folder):
        sys.exit(f"there is no {folder}: fetch it with `zoo-train data get cifar10`")
    table.check(args.out, columns)
    return args


def run(command, what, environment=None, core=None):
    """Runs a command, on one core if one is given; its output and its peak memory in MiB."""
    pin = getattr(os, "sched_setaffinity", lambda *_: None)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=err,
                env={**os.environ, **(environment or {})},
                preexec_fn=None if core is None else lambda: pin(0, {core}),
            )
        except OSError as error:
            sys.exit(f"cannot start {what}, {command[0]}: {error.strerror}")
        # wait4 alone gives the peak of this one process; Popen must be told the end.
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            process.terminate()
            raise
        process.returncode = code = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if code != 0:
            lines = err.read().decode(errors="replace").strip().splitlines()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            sys.exit(f"{what} failed: {lines[-1] if lines else how}")
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return out.read().decode(), usage.ru_maxrss / unit


def said(command, what, environment=None, core=None):
    """Runs a command and reads the line of JSON that it ends with."""
    output, _ = run(command, what, environment, core)
    return json.loads(output.strip().splitlines()[-1])


def counts(args, case):
    """Parameters and MACs that the zoo plans, which the peer must have too."""
    command = [args.zoo, "show", case["model"], "--profile", case["profile"]]
    command += ["--input-size", str(case["input_size"]), "--classes", "10"]
    shown = json.loads(run([*command, "--format", "json"], "zoo-train show")[0])
    return shown["params"], shown["macs"]
