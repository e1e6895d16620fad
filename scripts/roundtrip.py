"""Weights that the zoo exports load into torchvision and timm, and compute the same there.

`zoo-train export` writes the weights under the names of a library; the library's network
must take them with `strict=True`; then both sides' logits of the same images are compared,
the zoo's once from its own file and once from the exported one. Exits with 1 where they
differ by more than the tolerance.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import networks
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ZOO = os.path.join(ROOT, "target", "release", "zoo-train")


def zoo(program, *arguments):
    """Runs a subcommand; ends the script where it fails."""
    command = [program, *arguments]
    try:
        status = subprocess.run(command).returncode
    except OSError as error:
        build = "build it with `cargo build --release -p zoo-train`, or give --zoo-train"
        sys.exit(f"cannot run {program} ({error.strerror}): {build}")
    if status != 0:
        sys.exit(f"`{' '.join(command)}` ended with {status}")


def predict(program, model, weights, images, folder):
    output = os.path.join(folder, "logits.safetensors")
    zoo(
        program,
        "predict",
        *("--model", model, "--weights", weights),
        *("--tensor", images, "--output", output),
    )
    return load_file(output)["logits"]


def metadata(path):
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def library(variant, scheme, path):
    """The library's network with the exported weights, constants as the file says."""
    tensors, notes = load_file(path), metadata(path)
    # `classifier` in timm; in torchvision the last of the modules under `classifier`.
    last = max(key for key in tensors if key.startswith("classifier"))
    classes = tensors[last].shape[0]
    padding = notes.get("zoo.padding", "symmetric")
    if scheme == "timm":
        model = variant.timm(classes, padding)
    elif padding == "symmetric":
        model = variant.torchvision(classes)
    else:
        sys.exit("torchvision has no SAME padding: compare with --scheme timm")
    if "zoo.bn_eps" in notes:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = float(notes["zoo.bn_eps"])
    counters = {k: v for k, v in model.state_dict().items() if "num_batches" in k}
    # Counters of batches belong to the libraries alone and play no part in evaluation.
    model.load_state_dict({**counters, **tensors}, strict=True)
    return model.eval()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="variant of the zoo")
    parser.add_argument("--weights", required=True, help="safetensors file of the zoo")
    parser.add_argument(
        "--scheme",
        choices=["torchvision", "timm"],
        action="append",
        help="library to compare with, may be repeated (default: all that have it)",
    )
    parser.add_argument("--input-size", type=int, help="pixels (default: the variant's)")
    parser.add_argument("--images", type=int, default=4, help="how many (default: 4)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="share of the largest logit that may differ (default: 1e-4)",
    )
    parser.add_argument(
        "--zoo-train",
        default=ZOO,
        metavar="PATH",
        help="the program (default: target/release/zoo-train)",
    )
    args = parser.parse_args()
    variant = networks.find(args.model)
    size = args.input_size or variant.input_size
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(args.images, 3, size, size, generator=generator)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        batch = os.path.join(folder, "images.safetensors")
        save_file({"input": images}, batch)
        ours = predict(args.zoo_train, args.model, args.weights, batch, folder)
        for scheme in args.scheme or variant.schemes():
            exported = os.path.join(folder, f"{scheme}.safetensors")
            zoo(
                args.zoo_train,
                "export",
                *("--model", args.model, "--weights", args.weights),
                *("--scheme", scheme, "--output", exported),
            )
            with torch.no_grad():
                theirs = library(variant, scheme, exported)(images)
            again = predict(args.zoo_train, args.model, exported, batch, folder)
            for what, logits in (("own", ours), ("exported", again)):
                off = ((logits - theirs).abs().max() / theirs.abs().max()).item()
                # Written so that not-a-number fails.
                fine = off <= args.tolerance
                failed |= not fine
                verdict = "equal to rounding" if fine else "DIFFERENT"
                print(f"{args.model}, {scheme}, {what} file: {verdict}, {off:.1e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
