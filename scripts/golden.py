"""Golden values: what torchvision and timm compute, for `cargo test -p zoo-core --test golden`.

No weights are stored. Both sides fill the tensors, by their place, and the images from
one formula (`unit`, `put` and `images` here, `fill.rs` there); the reference is computed
in f64 on those f32 values. Written are logits, the mean and deviation of every stage, and
for some variants the gradients of a training step.

The place of a tensor is that among the sorted keys of the state dict (`"places":
"names"`). Where blocks follow one another without branches the libraries' own order is
the zoo's, too, and the places are those of the state dict as it comes.

A file is refused where it would prove little: if the two images' logits differ by less
than a tenth of the largest logit, or a stage's deviation leaves 0.05 to 50.
"""

import argparse
import fnmatch
import hashlib
import json
import math
import os
import sys

import networks
import numpy as np
import torch
from torch import nn
from torch.nn import functional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTPUT = os.path.join(ROOT, "zoo-core", "tests", "golden")

CLASSES = 10
# Deviation of what norms give: some of it lies beyond the kinks of ReLU6 at 6 and of
# hard-swish at 3, so that a wrong activation shows.
DEVIATION = 2.5
# Of what layers with a bias give. Wider gates would let rounding grow from block to block:
# with 2.5, PyTorch's own f32 is off by 1.4e-4 for EfficientNet-B6, with 1 by 1.2e-5.
GATE_DEVIATION = 1.0
# Larger inputs than this take minutes and stand beside a small one.
AFFORDABLE, SMALL = 456, 128
# Parameters that stand in a block itself: a factor for each channel (layer scale).
FACTORS = ("gamma", "layer_scale")
# Orders that tensors are counted in: the state dict's, and that of its sorted keys.
PLAN, NAMES = "plan", "names"
# Images are tensors beyond those of any network.
FIRST_IMAGE = 1 << 20

# Training steps: variant, library, padding.
STEPS = [
    ("mobilenet-v1-0.25", "timm", "symmetric"),
    ("mobilenet-v2-0.35", "torchvision", "symmetric"),
    ("mobilenet-v2", "timm", "same"),
    ("mobilenet-v3-large", "torchvision", "symmetric"),
    ("mobilenet-v3-small", "torchvision", "symmetric"),
    ("mobilenet-v3-small-0.5", "timm", "same"),
    ("mobilenet-v4-conv-small", "timm", "symmetric"),
    ("mobilenet-v4-conv-medium", "timm", "same"),
    ("efficientnet-b0", "torchvision", "symmetric"),
    ("efficientnet-lite0", "timm", "same"),
    ("mnasnet-0.5", "torchvision", "symmetric"),
    ("shufflenet-v2-0.5", "torchvision", "symmetric"),
    ("ghostnet-0.5", "timm", "symmetric"),
    ("resnet-18", "torchvision", "symmetric"),
    ("resnet-50", "timm", "symmetric"),
    ("regnet-y-400mf", "torchvision", "symmetric"),
    ("efficientnet-v2-s", "torchvision", "symmetric"),
    ("convnext-atto", "timm", "symmetric"),
]
STEP_SIZE, STEP_BATCH, STEP_MOMENTUM = 64, 8, 0.1


def unit(tensor, count):
    """Numbers in [-1, 1) for the first elements of a tensor.

    splitmix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195) with tensor and
    element as its counter, its upper 53 bits as a fraction.
    """
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(tensor << 32)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def weights(tensor, shape):
    """Weights that keep the variance of what comes in.

    Neighbours of a dense layer cancel: what all channels have in common, as behind a
    ReLU, would otherwise grow from layer to layer until it hides the image.
    """
    count, fan_in = math.prod(shape), math.prod(shape[1:])
    if shape[1] == 1:
        return unit(tensor, count) * math.sqrt(3.0 / fan_in)
    numbers, own = unit(tensor, count + 1), np.arange(count)
    return (numbers[own] - numbers[own ^ 1]) * math.sqrt(1.5 / fan_in)


def write(tensor, values):
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape))


def own(module):
    """A layer's tensors in the order that `put` fills them; none where it is no layer."""
    if isinstance(module, nn.BatchNorm2d):
        return [module.weight, module.bias, module.running_mean, module.running_var]
    if isinstance(module, (nn.Conv2d, nn.Linear, nn.LayerNorm)):
        return [t for t in (module.weight, module.bias) if t is not None]
    named = module.named_parameters(recurse=False)
    return [parameter for name, parameter in named if name in FACTORS]


def put(layer, places, gain):
    """Fills a layer whose tensors have these places."""
    tensors = own(layer)
    values = [unit(place, t.numel()) for place, t in zip(places, tensors)]
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        write(layer.weight, weights(places[0], layer.weight.shape) * gain)
        if layer.bias is not None:
            write(layer.bias, 0.1 * values[1])
        return
    # Norms, and factors, which are filled as a norm's scale is.
    write(tensors[0], 1.0 + 0.25 * values[0])
    if len(tensors) > 1:
        write(tensors[1], 0.25 * values[1])
    if isinstance(layer, nn.BatchNorm2d):
        write(layer.running_mean, 0.1 * values[2])
        write(layer.running_var, gain * (1.0 + 0.25 * values[3]))


def layers(model, order):
    """Layers with tensors, each with the places of these, by the place of the first."""
    places = {t.data_ptr(): place for place, (_, t) in enumerate(state(model, order))}
    found = [(layer, own(layer)) for layer in model.modules() if own(layer)]
    found = [(layer, [places[t.data_ptr()] for t in tensors]) for layer, tensors in found]
    if sorted(sum((taken for _, taken in found), [])) != sorted(places.values()):
        raise ValueError("the network has tensors that are of no known layer")
    return sorted(found, key=lambda entry: entry[1][0])


def state(model, order):
    """Names and tensors of the state dict in that order, without counters of batches."""
    items = model.state_dict().items()
    items = [(key, t) for key, t in items if not key.endswith("num_batches_tracked")]
    return sorted(items, key=lambda item: item[0]) if order == NAMES else items


def order_of(variant):
    """How the tensors of a variant's networks are counted."""
    return PLAN if variant.ends is None else NAMES


def noted(order):
    """What a file says of the order."""
    return {"places": order} if order == NAMES else {}


def has_gain(layer):
    """Batch norms scale their variance, layers with a bias their weight."""
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        return layer.bias is not None
    return isinstance(layer, nn.BatchNorm2d)


def calibrate(variant, model, inputs):
    """Fills the network; the gains with which no map dies or explodes on the way."""
    gains, hooks, order = {}, [], order_of(variant)
    deviation = variant.deviation or DEVIATION

    def measure(layer, x):
        if isinstance(layer, nn.BatchNorm2d):
            # Within channels: what differs between places and images, not what is constant.
            variance = x.var(dim=(0, 2, 3), unbiased=False).mean()
            return variance / deviation**2
        if isinstance(layer, nn.Linear):
            return GATE_DEVIATION / functional.linear(x, layer.weight).std()
        how = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return GATE_DEVIATION / functional.conv2d(x, layer.weight, None, *how).std()

    def hook(places):
        def before(layer, arguments):
            gain = float(f"{measure(layer, arguments[0]).item():.4g}")
            gains[places[0]] = gain
            put(layer, places, gain)

        return before

    for layer, places in layers(model, order):
        put(layer, places, 1.0)
        if has_gain(layer):
            hooks.append(layer.register_forward_pre_hook(hook(places)))
    with torch.no_grad():
        model.double().eval()(inputs)
    for handle in hooks:
        handle.remove()
    return [gains[place] for place in sorted(gains)]


def fill(model, gains, order):
    gains = iter(gains)
    for layer, places in layers(model, order):
        put(layer, places, next(gains) if has_gain(layer) else 1.0)


def images(count, size):
    """Coarse patterns with noise: of noise alone, averages would be all alike."""
    cell = (size + 3) // 4
    row, column = np.arange(size) // cell, np.arange(size) // cell
    batch = np.empty((count, 3, size, size))
    for index in range(count):
        first = FIRST_IMAGE + 3 * index
        tint = 2.0 * unit(first, 3).reshape(3, 1, 1)
        coarse = unit(first + 1, 3 * 4 * 4).reshape(3, 4, 4)[:, row][:, :, column]
        fine = unit(first + 2, 3 * size * size).reshape(3, size, size)
        batch[index] = tint + coarse + 0.5 * fine
    return torch.from_numpy(batch.astype(np.float32)).double()


def rounded(value):
    """Nine digits: below what f32 can differ by, and short."""
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}")


def observe(variant, scheme, model, inputs):
    """Logits, and mean and deviation of each stage's output."""
    stages, hooks = [], []

    def after(_module, _arguments, output):
        stages.append([output.mean().item(), output.std(unbiased=False).item()])

    for stage in variant.stages(scheme, model):
        hooks.append(stage.register_forward_hook(after))
    with torch.no_grad():
        logits = model.double().eval()(inputs).tolist()
    for handle in hooks:
        handle.remove()
    return logits, stages


def check(what, logits, stages):
    """Ends the script where the values would prove little."""
    first, second = np.array(logits)
    difference = np.abs(first - second).max() / np.abs([first, second]).max()
    deviations = [deviation for _, deviation in stages]
    low, high = min(deviations), max(deviations)
    print(f"{what}: images differ by {difference:.2f}, deviations {low:.2f} to {high:.2f}")
    if not difference >= 0.1:
        sys.exit(f"{what}: refused, both images give the same logits to a tenth")
    if not (low >= 0.05 and high <= 50.0):
        sys.exit(f"{what}: refused, a stage's deviation leaves 0.05 to 50")


def cases(variant):
    """Library, input size, padding, and whether the test runs it only when asked."""
    schemes, size = variant.schemes(), variant.input_size
    small = size if size <= AFFORDABLE else SMALL
    yield schemes[0], small, "symmetric", False
    if small != size:
        yield schemes[0], size, "symmetric", True
    if variant.ends is not None:
        yield schemes[-1], variant.odd_size, "symmetric", False
        return
    # Sizes on the way down are odd and even: TensorFlow's SAME pads both ways.
    yield "timm", size if size <= 300 else SMALL, "same", False
    yield "timm", variant.odd_size, "same", False


def layout(variant, scheme):
    """What names a naming scheme must give: MD5 of the lines `key:shape`, 1000 classes."""
    order = order_of(variant)
    tensors = state(variant.library(scheme, 1000), order)
    shapes = (f"{key}:{'x'.join(map(str, t.shape))}\n" for key, t in tensors)
    md5 = hashlib.md5("".join(shapes).encode()).hexdigest()
    return {"scheme": scheme, "tensors": len(tensors), "md5": md5, **noted(order)}


def build(variant, scheme, padding, classes=CLASSES):
    if scheme == "torchvision":
        return variant.torchvision(classes)
    return variant.timm(classes, padding)


def network(variant):
    """The golden values of a variant."""
    found, order = [], order_of(variant)
    for scheme, size, padding, long in cases(variant):
        model, inputs = build(variant, scheme, padding), images(2, size)
        gains = calibrate(variant, model, inputs)
        fill(model, gains, order)
        logits, stages = observe(variant, scheme, model, inputs)
        check(f"{variant.name}, {scheme}, {size} px, {padding}", logits, stages)
        found.append(
            {
                "library": scheme,
                "input_size": size,
                "padding": padding,
                "bn_eps": networks.norm_eps(model),
                "long": long,
                "gains": gains,
                "logits": rounded(logits),
                "stages": rounded(stages),
                **noted(order),
            }
        )
    layouts = [layout(variant, scheme) for scheme in variant.schemes()]
    return {"model": variant.name, "layouts": layouts, "cases": found}


def summary(place, tensor):
    """Norm of a tensor, and its product with the formula's numbers, which sees signs and order."""
    flat = tensor.detach().reshape(-1)
    product = flat.numpy() @ unit(place, flat.numel())
    return rounded([flat.norm().item(), float(product)])


def training_step(variant, scheme, padding):
    """Loss, gradients and norm statistics of one step without dropout and drop-path."""
    model, inputs = build(variant, scheme, padding), images(STEP_BATCH, STEP_SIZE)
    order = order_of(variant)
    gains = calibrate(variant, model, inputs)
    fill(model, gains, order)
    model.double().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = STEP_MOMENTUM
        elif type(module).__name__ in ("Dropout", "StochasticDepth"):
            module.p = 0.0
        elif type(module).__name__ == "DropPath":
            module.drop_prob = 0.0
    labels = torch.arange(STEP_BATCH) % CLASSES
    loss = functional.cross_entropy(model(inputs), labels)
    loss.backward()
    parameters = dict(model.named_parameters())
    gradients, statistics = [], []
    for place, (key, tensor) in enumerate(state(model, order)):
        if key in parameters:
            gradients.append(summary(place, parameters[key].grad))
        else:
            statistics.append(summary(place, tensor))
    print(f"{variant.name}, {scheme}, {padding}: a step with loss {loss.item():.3f}")
    return {
        "model": variant.name,
        "library": scheme,
        "input_size": STEP_SIZE,
        "batch": STEP_BATCH,
        "padding": padding,
        "bn_eps": networks.norm_eps(model),
        "momentum": STEP_MOMENTUM,
        "gains": gains,
        "loss": rounded(loss.item()),
        "gradients": gradients,
        "statistics": statistics,
        **noted(order),
    }


def save(path, record):
    """Writes JSON with a line for each field, and for each case."""

    def text(value):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
        return json.dumps(value)

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        fields = (f"{json.dumps(key)}: {text(value)}" for key, value in record.items())
        file.write("{\n" + ",\n".join(fields) + "\n}\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model",
        default="*",
        metavar="GLOB",
        help="only variants whose names match (default: all)",
    )
    parser.add_argument(
        "--only",
        choices=["networks", "steps"],
        help="only forward passes, or only training steps",
    )
    parser.add_argument(
        "--output",
        default=OUTPUT,
        metavar="DIR",
        help="where the JSON files go (default: zoo-core/tests/golden)",
    )
    args = parser.parse_args()
    chosen = [v for v in networks.variants() if fnmatch.fnmatch(v.name, args.model)]
    if not chosen:
        sys.exit(f"no variant matches `{args.model}`; `zoo-train list` shows all names")
    for variant in chosen:
        if args.only != "steps":
            path = os.path.join(args.output, f"{variant.name}.json")
            save(path, network(variant))
        for name, scheme, padding in STEPS:
            if args.only != "networks" and name == variant.name:
                path = os.path.join(args.output, "steps", f"{name}.json")
                save(path, training_step(variant, scheme, padding))


if __name__ == "__main__":
    main()
