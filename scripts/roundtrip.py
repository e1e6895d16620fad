"""Weights go from the zoo to torchvision and timm and back, and compute the same there.

`zoo-train export` writes the weights under the names of a library and prints the lines by
which Python makes the network; these are run as they are. Then both sides' logits of the
same images are compared, the zoo's once from its own file and once from the exported one.
Without --weights they come from Python: each library's network with random weights and
running statistics, in a checkpoint that names the network. Exits with 1 where logits
differ by more than the tolerance.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap

import networks
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ZOO = os.path.join(ROOT, "target", "release", "zoo-train")


def zoo(program, *arguments):
    """Runs a subcommand and gives what it printed; ends the script where it fails."""
    command = [program, *arguments]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        build = "build it with `cargo build --release -p zoo-train`, or give --zoo-train"
        sys.exit(f"cannot run {program} ({error.strerror}): {build}")
    if done.returncode != 0:
        sys.exit(f"`{' '.join(command)}` ended with {done.returncode}")
    return done.stdout


def predict(program, weights, images, folder, *more):
    output = os.path.join(folder, "logits.safetensors")
    files = ("--weights", weights, "--tensor", images, "--output", output)
    zoo(program, "predict", *files, *more)
    return load_file(output)["logits"]


def randomised(model):
    """The network with weights, statistics and gains that no layer could do without."""
    generator = torch.Generator().manual_seed(1)

    def uniform(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            uniform(tensor, 0.5, 1.5)
        elif name.endswith("running_mean") or name.endswith("bias"):
            uniform(tensor, -0.1, 0.1)
        elif name.endswith(("gamma", "layer_scale")) or tensor.ndim == 1:
            uniform(tensor, 0.5, 1.5)
        elif tensor.ndim > 1:
            bound = (3.0 / tensor[0].numel()) ** 0.5
            uniform(tensor, -bound, bound)
    return model.eval()


def network_of(scheme, name, images):
    """A library's network whose norms have met images, so that activations stay small."""
    if scheme == "timm":
        model = timm.create_model(name)
    else:
        model = torchvision.models.get_model(name, weights=None)
    model = randomised(model)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        model(images)
    return model.eval()


def from_python(program, variant, scheme, images, batch, folder):
    """Files of a library's networks with the logits of both sides, by their names."""
    for name, library in networks.names(variant):
        if library != scheme:
            continue
        model = network_of(scheme, name, images)
        path = os.path.join(folder, f"{name}.pth")
        torch.save({"arch": name, "state_dict": model.state_dict()}, path)
        with torch.no_grad():
            theirs = model(images)
        # The checkpoint names its network, and with it padding and epsilon.
        side = ("--crop", str(images.shape[-1]))
        yield name, path, predict(program, path, batch, folder, *side), theirs


def printed(program, scheme, weights, exported, *more):
    """The network that the printed lines make."""
    output = ("--scheme", scheme, "--output", exported)
    text = zoo(program, "export", "--weights", weights, *output, *more)
    lines = textwrap.dedent(text[text.index("    import ") :]).splitlines()
    lines = lines[: lines.index("model.eval()") + 1]
    made = {}
    exec("\n".join(lines), made)
    return made["model"]


def compare(what, logits, theirs, tolerance):
    off = ((logits - theirs).abs().max() / theirs.abs().max()).item()
    # Written so that not-a-number fails.
    fine = off <= tolerance
    verdict = "equal to rounding" if fine else "DIFFERENT"
    print(f"{what}: {verdict}, {off:.1e}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="variant of the zoo")
    parser.add_argument(
        "--weights", help="safetensors file of the zoo (default: random, from Python)"
    )
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
    with tempfile.TemporaryDirectory() as folder:
        fine = all(list(checks(args, variant, images, folder)))
    sys.exit(0 if fine else 1)


def checks(args, variant, images, folder):
    """Whether each pair of logits is equal."""
    batch = os.path.join(folder, "images.safetensors")
    save_file({"input": images}, batch)
    model = ("--model", args.model)
    if args.weights:
        logits = predict(args.zoo_train, args.weights, batch, folder, *model)
        own = {args.model: (args.weights, logits, None)}
    for scheme in args.scheme or variant.schemes():
        if not args.weights:
            found = from_python(args.zoo_train, variant, scheme, images, batch, folder)
            own = {name: rest for name, *rest in found}
        for name, (path, logits, theirs) in own.items():
            what = f"{args.model}, {scheme}, {name}"
            if theirs is not None:
                yield compare(f"{what}, to the zoo", logits, theirs, args.tolerance)
            exported = os.path.join(folder, "exported.safetensors")
            library = printed(args.zoo_train, scheme, path, exported, *model)
            with torch.no_grad():
                theirs = library(images)
            yield compare(f"{what}, from the zoo", logits, theirs, args.tolerance)
            again = predict(args.zoo_train, exported, batch, folder, *model)
            yield compare(f"{what}, and back", again, theirs, args.tolerance)


if __name__ == "__main__":
    main()
