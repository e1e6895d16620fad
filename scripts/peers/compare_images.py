"""Speed of reading image files beside torchvision's, on one core, appended to a CSV.

For each case, zoo and each of the peer's pipelines run in turn, each a fresh process on
the same core, and the ratio of each pair is taken.
"""

import datetime
import os
import statistics
import subprocess
import sys
import tempfile

import comparison
import table
from comparison import HERE

# Cases: width and height that the images are resized to first, or as they are.
CASES = {"as-they-are": None, "500x375": (500, 375)}
QUALITY = 90
PIPELINES = ["pil", "tensor"]

COLUMNS = [
    "case",
    "torch_pipeline",
    "pairs",
    "zoo_images_per_second",
    "torch_images_per_second",
    "ratio_median",
    "ratio_min",
    "ratio_max",
    "images",
    "cpu",
    "torch",
    "torchvision",
    "revision",
    "date",
]


def run(command, what, core):
    """Runs a command on one core and one thread; the line of JSON that it printed."""
    return comparison.said(command, what, {"OMP_NUM_THREADS": "1"}, core)


ENLARGE = """
import os, sys
from PIL import Image
source, target, width, height, quality = sys.argv[1:6]
for folder, _, names in sorted(os.walk(source)):
    into = os.path.join(target, os.path.relpath(folder, source))
    os.makedirs(into, exist_ok=True)
    for name in sorted(names):
        image = Image.open(os.path.join(folder, name)).convert("RGB")
        image = image.resize((int(width), int(height)), Image.Resampling.BICUBIC)
        image.save(os.path.join(into, name), "JPEG", quality=int(quality))
"""


def prepared(args, size, folder):
    """The images of a case, below `folder` where they have to be made."""
    if size is None:
        return args.data
    train = os.path.join(args.data, "train")
    command = [args.python, "-c", ENLARGE, train, os.path.join(folder, "train")]
    try:
        subprocess.run([*command, *map(str, size), str(QUALITY)], check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"cannot enlarge the images of {train}: does {args.python} have PIL?")
    os.symlink("train", os.path.join(folder, "val"))
    return folder


def measure(args, case, folder):
    """The rows of one case, a row for each pipeline of the peer."""
    passes = str(args.passes)
    peer = [args.python, os.path.join(HERE, "images_torch.py"), folder]
    peer += ["--passes", passes, "--pipeline"]
    zoos = {name: [] for name in PIPELINES}
    peers = {name: [] for name in PIPELINES}
    for number in range(1, args.pairs + 1):
        for name in PIPELINES:
            ours = run([args.zoo, folder, passes], "the example `images`", args.core)
            theirs = run([*peer, name], "the peer", args.core)
            zoos[name].append(ours["images_per_second"])
            peers[name].append(theirs["images_per_second"])
            pair = f"{case}, {name}, pair {number} of {args.pairs}"
            speeds = f"zoo {zoos[name][-1]:.0f}, torchvision {peers[name][-1]:.0f} img/s"
            print(f"{pair}: {speeds}", file=sys.stderr)
    for name in PIPELINES:
        ratios = [ours / theirs for ours, theirs in zip(zoos[name], peers[name])]
        yield {
            "case": case,
            "torch_pipeline": name,
            "pairs": args.pairs,
            "zoo_images_per_second": f"{statistics.median(zoos[name]):.0f}",
            "torch_images_per_second": f"{statistics.median(peers[name]):.0f}",
            "ratio_median": f"{statistics.median(ratios):.2f}",
            "ratio_min": f"{min(ratios):.2f}",
            "ratio_max": f"{max(ratios):.2f}",
            "images": ours["images"],
            "cpu": ours["cpu"],
            "torch": theirs["torch"],
            "torchvision": theirs["torchvision"],
            "revision": ours["revision"],
            "date": datetime.date.today().isoformat(),
        }


def arguments():
    parser = comparison.parser(__doc__, "speed-images.csv", "examples/images")
    add = parser.add_argument
    add("data", help="a folder with `train` and `val`, in each a folder for each class")
    add("--case", action="append", choices=list(CASES), help="[default: all]")
    add("--pairs", type=int, default=5)
    add("--passes", type=int, default=3, help="timed passes over the images a run")
    add("--core", type=int, default=0, help="that both run on, where it can be chosen")
    args = comparison.parsed(parser, ("pairs", "passes"), COLUMNS, "images")
    if not os.path.isdir(os.path.join(args.data, "train")):
        sys.exit(f"there is no {os.path.join(args.data, 'train')}")
    return args


def main():
    args = arguments()
    for case in args.case or CASES:
        with tempfile.TemporaryDirectory() as folder:
            made = prepared(args, CASES[case], folder)
            for row in measure(args, case, made):
                table.append(args.out, row, COLUMNS)
                print(f"{case}, {row['torch_pipeline']}: {row['ratio_median']} times", end=" ")
                print(f"torchvision's speed ({row['ratio_min']} to {row['ratio_max']})")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
