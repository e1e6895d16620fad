"""The table of pretrained weights: every tag that timm has for a network of the zoo.

Reads timm's registry and makes each network once, for its norm constant, its padding and
its number of parameters; a network whose count is not the zoo's is left out with a word
on stderr. Nothing is downloaded.
"""

import argparse
import csv
import io
import os
import subprocess
import sys

import networks
import timm
from timm.layers import Conv2dSame
from timm.models import _registry as registry

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTPUT = os.path.join(ROOT, "zoo-train", "src", "weights", "pretrained.csv")
LIST = "cargo run --quiet -p zoo-train -- list --format csv"

COLUMNS = [
    "model",
    "repository",
    "input_size",
    "crop_pct",
    "interpolation",
    "mean",
    "std",
    "bn_eps",
    "padding",
    "classes",
    "test_input_size",
    "test_crop_pct",
]


def counts(path):
    """Parameters of every variant, as `zoo-train list` gives them."""
    if path is None:
        listing = subprocess.run(LIST.split(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if listing.returncode != 0:
            sys.exit(f"`{LIST}` failed: build the zoo first, or give --counts")
        text = listing.stdout
    else:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    rows = csv.DictReader(io.StringIO(text))
    return {row["model"]: int(row["params"]) for row in rows}


def tags(name):
    """The pretrained configurations of a timm network that have weights, default first."""
    names = registry._model_with_tags[name]
    found = [registry._model_pretrained_cfgs[tagged] for tagged in names]
    # The zoo evaluates on the centre of an image, and does not squash it to a square.
    return [e for e in found if e.hf_hub_id and e.crop_mode == "center"]


def row(variant, model, entry):
    # As published: short numbers, without the tail of a division.
    def listing(numbers):
        return " ".join(f"{number:.6g}" for number in numbers)

    size = entry.input_size[1]
    test_size = (entry.test_input_size or entry.input_size)[1]
    return {
        "model": variant.name,
        "repository": entry.hf_hub_id,
        "input_size": size,
        "crop_pct": entry.crop_pct,
        "interpolation": entry.interpolation,
        "mean": listing(entry.mean),
        "std": listing(entry.std),
        "bn_eps": f"{networks.bn_eps(model):g}",
        "padding": "same" if isinstance(model.conv_stem, Conv2dSame) else "symmetric",
        "classes": entry.num_classes,
        "test_input_size": test_size,
        "test_crop_pct": entry.test_crop_pct or entry.crop_pct,
    }


def rows(expected):
    """A row for each variant and tag, timm's own training before TensorFlow's."""
    for variant in networks.variants():
        for name in variant.timm_names:
            if not timm.is_model(name) or not tags(name):
                continue
            model = timm.create_model(name, num_classes=1000)
            params = sum(parameter.numel() for parameter in model.parameters())
            if params != expected[variant.name]:
                what = f"{name} has {params:,} parameters, {variant.name}"
                print(f"{what} {expected[variant.name]:,}: left out", file=sys.stderr)
                continue
            yield from (row(variant, model, entry) for entry in tags(name))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--counts",
        metavar="CSV",
        help=f"what `zoo-train list --format csv` printed (default: runs `{LIST}`)",
    )
    parser.add_argument(
        "--output",
        default=OUTPUT,
        metavar="CSV",
        help="the table to write (default: zoo-train/src/weights/pretrained.csv)",
    )
    args = parser.parse_args()
    table = list(rows(counts(args.counts)))
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    with open(args.output, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    models = len({entry["model"] for entry in table})
    print(f"{args.output}: {len(table)} sets of weights for {models} variants")


if __name__ == "__main__":
    main()
