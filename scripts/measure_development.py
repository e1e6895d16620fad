#!/usr/bin/env python3
"""Measures what working with the zoo feels like, and writes results/development.csv.

  build_after_editing_a_table  seconds of `cargo build` after one cell of a table has changed, all crates
  edit_command_line, edit_trainer, edit_report
                               seconds of `cargo build -p zoo-train` after one line of code has changed there, up to a binary
                               that has printed its version
  first_step                   seconds from a clone with an empty HOME and no cache to the first training step: README's
                               set-up and release build, and `--steps 1`; with --fresh only, as it takes minutes and
                               fetches everything
  start_list, start_show       milliseconds of `list` and `show` beyond what loading libtorch takes, which is the time of
                               `--version`: libtorch is loaded before the first line of the program
  dev_over_release             training speed of the development profile over the release profile's

Everything is interleaved, medians are reported with their spread. Nothing else may run meanwhile: libtorch's threads wait
in a loop, and a third busy process makes them ten times slower.

    python3 scripts/measure_development.py [--pairs 5] [--steps 150] [--fresh] [--edits] [--before REVISION]

--edits measures the edits alone, --fresh the fresh clone alone; rows of what was not measured stay as they are. --before
measures both in a clone of an older revision; its rows have `_before` behind their names.
"""

import argparse
import contextlib
import csv
import datetime
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "zoo-core/src/arch/mobilenet_v2.rs"
# A function that every run of that part goes through: its first line, and its file today and before there were crates.
EDITS = {
    "edit_command_line": (
        "fn run(registry: &Registry, arguments",
        ["zoo-train/src/command_line/mod.rs", "zoo-train/src/cli/mod.rs"],
    ),
    "edit_trainer": (
        "    pub fn step(&mut self, batch",
        ["zoo-training/src/trainer.rs", "zoo-train/src/train/trainer.rs"],
    ),
    "edit_report": ("    pub fn html(&self)", ["zoo-report/src/page.rs", "zoo-train/src/report/page.rs"]),
}
COLUMNS = ["metric", "value", "unit", "smallest", "largest", "runs", "limit", "cpu", "threads", "revision", "date"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--steps", type=int, default=150)
    arguments.add_argument("--edits", action="store_true")
    arguments.add_argument("--fresh", action="store_true")
    arguments.add_argument("--before", metavar="REVISION")
    options = arguments.parse_args()

    if options.before:
        with clone(options.before) as (tree, environment):
            rows = [first_step(tree, environment)]
            run(["cargo", "build"], tree, environment)
            rows += edits(3, tree, environment)
        revision = run(["git", "rev-parse", "--short=12", options.before]).strip()
        return write([row | {"metric": f"{row['metric']}_before", "limit": "", "revision": revision} for row in rows])
    if options.fresh:
        with clone("HEAD") as (tree, environment):
            return write([first_step(tree, environment)])
    run(["cargo", "build"])
    rows = edits(3)
    if not options.edits:
        run(["cargo", "build", "--release", "-p", "zoo-train"])
        rows += [build_after_editing_a_table(3)]
        rows += start_up(3 * options.pairs)
        rows += [dev_over_release(options.pairs, options.steps)]
    write(rows)


def write(rows):
    """Puts `rows` in place of those of the same metrics."""
    machine = {
        "cpu": cpu(),
        "threads": os.cpu_count(),
        "revision": run(["git", "rev-parse", "--short=12", "HEAD"]).strip(),
        "date": datetime.date.today().isoformat(),
    }
    path = ROOT / "results/development.csv"
    with path.open(newline="") as file:
        kept = {row["metric"]: row for row in csv.DictReader(file)}
    for row in rows:
        kept[row["metric"]] = machine | row
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept.values())
    print(path.read_text(), end="")


def edits(times, tree=ROOT, environment=None):
    """A function gets a line of code that stays in the binary, another one each time, and loses it in the end."""
    binary = tree / "target/debug/zoo-train"
    rows = []
    for metric, (signature, files) in EDITS.items():
        path = next(tree / file for file in files if (tree / file).exists())
        text = path.read_text()
        lines = text.splitlines(keepends=True)
        place = next(number for number, line in enumerate(lines) if line.startswith(signature)) + 1
        seconds = []
        try:
            for number in range(times):
                added = f"    std::hint::black_box({number + 1}_u64);\n"
                path.write_text("".join([*lines[:place], added, *lines[place:]]))
                begun = time.perf_counter()
                run(["cargo", "build", "-p", "zoo-train"], tree, environment)
                run([binary, "--version"], tree, environment)
                seconds.append(time.perf_counter() - begun)
        finally:
            path.write_text(text)
        run(["cargo", "build", "-p", "zoo-train"], tree, environment)
        rows.append(row(metric, seconds, "s", "at most 10"))
    return rows


@contextlib.contextmanager
def clone(revision):
    """A clone of a revision, with the environment of a newcomer: an empty HOME, and nothing of the registry."""
    with tempfile.TemporaryDirectory() as folder:
        tree, home = pathlib.Path(folder) / "zoo", pathlib.Path(folder) / "home"
        home.mkdir()
        rustup = os.environ.get("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup"))
        run(["git", "clone", "--quiet", str(ROOT), str(tree)])
        run(["git", "checkout", "--quiet", revision], tree)
        yield tree, {"HOME": str(home), "RUSTUP_HOME": rustup, "PATH": os.environ["PATH"]}


def first_step(tree, environment):
    """What a newcomer waits for."""
    train = "cargo run --release -p zoo-train -- --model efficientnet-b2 --steps 1 --limit-test 10"
    begun = time.perf_counter()
    run(["bash", "-c", f"./setup.sh && {train}"], tree, environment)
    return row("first_step", [time.perf_counter() - begun], "s", "at most 480")


def build_after_editing_a_table(times):
    """An epsilon changes: no claim sees it, and every crate behind the table is built again."""
    text = TABLE.read_text()
    assert "eps: 1e-5" in text
    seconds = []
    try:
        for number in range(times):
            TABLE.write_text(text.replace("eps: 1e-5", f"eps: {number + 2}e-5", 1))
            begun = time.perf_counter()
            run(["cargo", "build"])
            seconds.append(time.perf_counter() - begun)
    finally:
        TABLE.write_text(text)
    run(["cargo", "build"])
    return row("build_after_editing_a_table", seconds, "s", "under 15")


def start_up(times):
    binary = ROOT / "target/release/zoo-train"
    commands = {"version": ["--version"], "list": ["list"], "show": ["show", "efficientnet-b7"]}
    taken = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            begun = time.perf_counter()
            run([binary, *command])
            taken[name].append(1000 * (time.perf_counter() - begun))
    beyond = {name: [a - b for a, b in zip(taken[name], taken["version"])] for name in ("list", "show")}
    limit = "at most 50"
    return [row("load_libtorch", taken["version"], "ms", "")] + [
        row(f"start_{name}", differences, "ms", limit) for name, differences in beyond.items()
    ]


def dev_over_release(pairs, steps):
    ratios = []
    for pair in range(pairs):
        speeds = {}
        order = ["debug", "release"] if pair % 2 == 0 else ["release", "debug"]
        for profile in order:
            speeds[profile] = images_per_second(ROOT / "target" / profile / "zoo-train", steps)
        ratios.append(speeds["debug"] / speeds["release"])
        print(f"pair {pair + 1}: {speeds['debug']:.0f} and {speeds['release']:.0f} img/s", flush=True)
    return row("dev_over_release", ratios, "ratio", "at least 0.9")


def images_per_second(binary, steps):
    with tempfile.TemporaryDirectory() as results:
        command = [binary, "--model", "mobilenet-v2", "--profile", "native", "--steps", str(steps), "--limit-test", "250"]
        run([*command, "--results", results, "--quiet"])
        with open(pathlib.Path(results) / "accuracy.csv", newline="") as file:
            return float(next(csv.DictReader(file))["images_per_second"])


def row(metric, values, unit, limit):
    digits = 3 if unit == "ratio" else 1
    number = lambda value: f"{value:.{digits}f}"
    return {
        "metric": metric,
        "value": number(statistics.median(values)),
        "unit": unit,
        "smallest": number(min(values)),
        "largest": number(max(values)),
        "runs": len(values),
        "limit": limit,
    }


def cpu():
    """The processor as the zoo's own tables name it."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    found = [re.search(rf"^{key}\s*:\s*(.+)", info, re.MULTILINE) for key in ("model name", "cpu family", "model")]
    name, family, model = [match and match.group(1).strip() for match in found]
    return f"{name} (family {family}, model {model})" if name and family and model else name or "unknown"


def run(command, tree=ROOT, environment=None):
    done = subprocess.run(command, cwd=tree, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
