"""The tables of pretrained weights and of the names that libraries give networks of the zoo.

`pretrained.csv` has every tag that timm has for a network of the zoo, `torchvision.csv`
torchvision's files, `libraries.csv` the names of both libraries' networks. Reads their
registries and makes each network once, for its norm constant, its padding and its number
of parameters; a network whose count is not the zoo's is left out with a word on stderr.
Nothing is downloaded.
"""

import argparse
import csv
import io
import os
import subprocess
import sys

import networks
import timm
import torchvision
from timm.layers import Conv2dSame
from timm.models import _registry as registry

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTPUT = os.path.join(ROOT, "zoo-weights", "src")
LIST = "cargo run --quiet -p zoo-train -- list --format csv"
TORCHVISION = "download.pytorch.org/models/"

COLUMNS = [
    "model",
    "repository",
    "file",
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
FILE_COLUMNS = ["file", "model", "resize", "crop", "interpolation", "mean", "std", "bn_eps"]
NAME_COLUMNS = ["name", "library", "model", "padding", "bn_eps", "weights"]


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
    centred = (e for e in found if e.hf_hub_id and e.crop_mode == "center")
    return [e for e in centred if classifies(e)]


def classifies(entry):
    """Whether the weights have a classifier: CLIP's own end in an embedding of text."""
    is_embedding = (entry.tag or "").startswith("clip") and "_ft_" not in entry.tag
    return entry.num_classes > 0 and not is_embedding


def stem(url):
    """The file of a URL without its extension; empty where there is none."""
    return os.path.basename(url or "").rsplit(".", 1)[0]


def own_file(url):
    """timm's file; what it takes from torchvision is prepared in torchvision's way."""
    return "" if TORCHVISION in (url or "") else stem(url)


def padding(model):
    same = any(isinstance(module, Conv2dSame) for module in model.modules())
    return "same" if same else "symmetric"


def listing(numbers):
    """Numbers as published: short, without the tail of a division."""
    return " ".join(f"{number:.6g}" for number in numbers)


def row(variant, model, entry):
    size = entry.input_size[1]
    test_size = (entry.test_input_size or entry.input_size)[1]
    return {
        "model": variant.name,
        "repository": entry.hf_hub_id,
        "file": own_file(entry.url),
        "input_size": size,
        "crop_pct": entry.crop_pct,
        "interpolation": entry.interpolation,
        "mean": listing(entry.mean),
        "std": listing(entry.std),
        "bn_eps": f"{networks.norm_eps(model):g}",
        "padding": padding(model),
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


def torchvision_rows():
    """A row for each file that torchvision publishes for a network of the zoo."""
    for variant in networks.variants():
        name = networks.torchvision_name(variant)
        if name is None:
            continue
        model = variant.torchvision(1000)
        for weights in torchvision.models.get_model_weights(name):
            transforms = weights.transforms()
            yield {
                "file": stem(weights.url),
                "model": variant.name,
                "resize": transforms.resize_size[0],
                "crop": transforms.crop_size[0],
                "interpolation": transforms.interpolation.value,
                "mean": listing(transforms.mean),
                "std": listing(transforms.std),
                "bn_eps": f"{networks.norm_eps(model):g}",
            }


def name_rows(expected):
    """A row for each name that a library has for a network of the zoo."""
    older = registry._deprecated_models
    for variant in networks.variants():
        for name in filter(timm.is_model, variant.timm_names):
            model = timm.create_model(name, num_classes=1000)
            if sum(p.numel() for p in model.parameters()) != expected[variant.name]:
                continue
            common = {
                "library": "timm",
                "model": variant.name,
                "padding": padding(model),
                "bn_eps": f"{networks.norm_eps(model):g}",
            }
            yield {"name": name, "weights": "", **common}
            known = {entry.hf_hub_id.split("/")[-1] for entry in tags(name)}
            for old, new in older.items():
                if new.split(".")[0] == name:
                    yield {"name": old, "weights": new if new in known else "", **common}
        if networks.torchvision_name(variant) is not None:
            yield {
                "name": networks.torchvision_name(variant),
                "library": "torchvision",
                "model": variant.name,
                "padding": "symmetric",
                "bn_eps": f"{networks.norm_eps(variant.torchvision(1000)):g}",
                "weights": "",
            }


def write(folder, name, columns, table):
    path = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    models = len({entry["model"] for entry in table})
    print(f"{path}: {len(table)} rows for {models} variants")


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
        metavar="DIR",
        help="the folder of the tables to write (default: zoo-weights/src)",
    )
    args = parser.parse_args()
    expected = counts(args.counts)
    write(args.output, "pretrained.csv", COLUMNS, list(rows(expected)))
    write(args.output, "torchvision.csv", FILE_COLUMNS, list(torchvision_rows()))
    write(args.output, "libraries.csv", NAME_COLUMNS, list(name_rows(expected)))


if __name__ == "__main__":
    main()
