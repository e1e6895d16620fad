"""Train on CIFAR-10 in PyTorch: the work of `zoo-train`, for figures side by side.

Network, strides, batch, augmentation, loss and optimizer are those of the zoo, and
parameters and MACs are checked before anything is timed. Prints one line of JSON.
"""

import argparse
import itertools
import json
import math
import os
import resource
import sys
import time

INSTALL = "pip install torch==2.13.0 torchvision==0.28.0 timm"

try:
    import torch
    import torchvision
    from torch import nn
except ImportError as error:
    sys.exit(f"{error.name} is missing in {sys.executable}: {INSTALL}")

DATA_DIR = os.path.expanduser("~/.cache/zoo/data/cifar-10-batches-bin")
CLASSES = 10
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
PADDING = 4
LAYOUTS = {"eager": torch.contiguous_format, "channels_last": torch.channels_last}
# One byte of label, then the three planes of a picture.
RECORD, RECORDS_A_FILE = 1 + 3 * 32 * 32, 10_000

# Names of the zoo: names of torchvision and timm. Dropout and stochastic depth are
# torchvision's defaults; timm is told them.
NAMES = {
    "mobilenet-v1": (None, "mobilenetv1_100"),
    "mobilenet-v1-0.5": (None, "mobilenetv1_100"),
    "mobilenet-v2": ("mobilenet_v2", "mobilenetv2_100"),
    "mobilenet-v3-small": ("mobilenet_v3_small", "mobilenetv3_small_100"),
    "mobilenet-v3-large": ("mobilenet_v3_large", "mobilenetv3_large_100"),
    "efficientnet-b0": ("efficientnet_b0", "efficientnet_b0"),
    "efficientnet-b1": ("efficientnet_b1", "efficientnet_b1"),
}

# Widths that the libraries have no name for.
WIDTHS = {"mobilenet-v1-0.5": 0.5}

# (model, profile, input size): parameters and MACs with 10 classes, as
# `zoo-train show MODEL --profile P --input-size R --classes 10` gives them.
COUNTS = {
    ("mobilenet-v2", "native", 32): (2_236_682, 6_124_928),
    ("mobilenet-v2", "native", 128): (2_236_682, 97_806_848),
    ("mobilenet-v2", "stem1", 32): (2_236_682, 24_461_312),
    ("mobilenet-v2", "cifar", 32): (2_236_682, 87_976_448),
    ("mobilenet-v3-small", "native", 64): (1_528_106, 5_502_720),
    ("mobilenet-v3-small", "cifar", 32): (1_528_106, 17_507_328),
    ("efficientnet-b0", "native", 64): (4_020_358, 31_979_392),
    ("efficientnet-b0", "cifar", 32): (4_020_358, 116_167_168),
}


def network(name, library, profile, dropout=None):
    """The library's network with the strides of the profile."""
    of_torchvision, of_timm = NAMES[name]
    if library == "torchvision":
        if of_torchvision is None:
            sys.exit(f"torchvision has no {name}: use --library timm")
        model = getattr(torchvision.models, of_torchvision)(num_classes=CLASSES)
    else:
        try:
            import timm
        except ImportError:
            sys.exit(f"timm is missing in {sys.executable}: {INSTALL}")
        path = 0.2 if name.startswith("efficientnet") else 0.0
        more = {"drop_rate": 0.2, "drop_path_rate": path}
        if name in WIDTHS:
            # timm's public functions fix the width; this is what they call.
            from timm.models.efficientnet import _gen_mobilenet_v1 as build

            model = build(of_timm, WIDTHS[name], num_classes=CLASSES, **more)
        else:
            model = timm.create_model(of_timm, num_classes=CLASSES, **more)
    for layer in (m for m in model.modules() if isinstance(m, nn.Dropout)):
        layer.p = layer.p if dropout is None else dropout
    if dropout is not None and hasattr(model, "drop_rate"):
        model.drop_rate = dropout
    # Some draw the classifier by its outputs: with 10, the loss would start over 5.
    classifier = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.normal_(classifier.weight, std=0.01)
    # Convolutions come in the order of the network: the stem is the first one with
    # stride 2, the first strided stage has the second.
    strided = [m for m in model.modules() if getattr(m, "stride", None) == (2, 2)]
    for conv in strided[: {"native": 0, "stem1": 1, "cifar": 2}[profile]]:
        conv.stride = (1, 1)
    return model


def count(model, size):
    """Trainable parameters, and MACs of convolutions and linear layers an image."""
    macs = 0

    def hook(module, inputs, output):
        nonlocal macs
        places = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        macs += module.weight.numel() * places

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(hook) for layer in layers]
    # Evaluation mode leaves the running statistics as they are.
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    model.train()
    for handle in hooks:
        handle.remove()
    return sum(p.numel() for p in model.parameters() if p.requires_grad), macs


def check_counts(args, found):
    """Ends the run unless it is the same work, to the last digit."""
    key = (args.model, args.profile, args.input_size)
    known = COUNTS.get(key, (None, None))
    given = (args.params, args.macs)
    expected = tuple(k if g is None else g for g, k in zip(given, known))
    if None in expected:
        what = "no figures for {}, {}, {} px to check against".format(*key)
        sys.exit(f"{what}: give --params and --macs as `zoo-train show` prints them")
    if expected != found:
        what = (
            "not the same work: {:,} parameters and {:,} MACs in place of {:,} and {:,}"
        )
        sys.exit(what.format(*found, *expected))


def read_cifar(folder):
    """The training set as uint8 images (N x 32 x 32 x 3) and labels."""
    # Filled file by file: copies of the whole set would count as the peer's memory.
    images = torch.empty(5 * RECORDS_A_FILE, 32, 32, 3, dtype=torch.uint8)
    labels = torch.empty(5 * RECORDS_A_FILE, dtype=torch.long)
    for index in range(5):
        path = os.path.join(folder, f"data_batch_{index + 1}.bin")
        try:
            with open(path, "rb") as file:
                content = bytearray(file.read())
        except OSError as error:
            fetch = "fetch it with `zoo-train data get cifar10`"
            sys.exit(f"cannot read {path} ({error.strerror}): {fetch}")
        if len(content) != RECORD * RECORDS_A_FILE:
            sys.exit(f"{path} has {len(content):,} bytes, no CIFAR-10: fetch it anew")
        records = torch.frombuffer(content, dtype=torch.uint8).view(-1, RECORD)
        part = slice(index * RECORDS_A_FILE, (index + 1) * RECORDS_A_FILE)
        images[part] = records[:, 1:].reshape(-1, 3, 32, 32).permute(0, 2, 3, 1)
        labels[part] = records[:, 0]
    return images, labels


def tensor_batches(images, labels, batch):
    """The whole set as one tensor; a batch is cropped and flipped by one gather."""
    shift = -torch.tensor(MEAN) / torch.tensor(DEVIATION)
    scale = 1 / (255 * torch.tensor(DEVIATION))
    ahead, each = torch.arange(32), torch.arange(batch)[:, None, None]
    # As zoo-train has it: each image is mirrored in every other epoch.
    mirrored_first = torch.rand(len(images)) < 0.5
    for epoch in itertools.count():
        order = torch.randperm(len(images))
        for chosen in order[: len(order) // batch * batch].split(batch):
            down, right = torch.randint(0, 2 * PADDING + 1, (2, batch, 1))
            mirrored = mirrored_first[chosen, None] ^ (epoch % 2 == 1)
            columns = right + torch.where(mirrored, ahead.flip(0), ahead)
            rows = (down + ahead)[:, :, None]
            padded = nn.functional.pad(images[chosen], (0, 0) + (PADDING,) * 4)
            cropped = padded[each, rows, columns[:, None, :]]
            # Channels are innermost all the way: channels_last as it comes.
            pixels = torch.addcmul(shift, cropped.float(), scale)
            yield pixels.permute(0, 3, 1, 2), labels[chosen]


class Pictures(torch.utils.data.Dataset):
    """PIL images through torchvision's transforms, as its own references train."""

    def __init__(self, images, labels):
        from PIL import Image
        from torchvision import transforms

        self.images = [Image.fromarray(image) for image in images.numpy()]
        self.labels = labels.tolist()
        crop = transforms.RandomCrop(32, padding=PADDING)
        flip, number = transforms.RandomHorizontalFlip(), transforms.ToTensor()
        steps = [crop, flip, number, transforms.Normalize(MEAN, DEVIATION)]
        self.transform = transforms.Compose(steps)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


def pil_batches(images, labels, batch, workers):
    pictures = Pictures(images, labels)
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    loader = torch.utils.data.DataLoader(
        pictures, batch, shuffle=True, drop_last=True, **options
    )
    while True:
        yield from loader


def prepared(images, size, layout):
    """Resized as a batch, which is faster than picture by picture in PIL."""
    images = images.contiguous(memory_format=layout)
    if size != 32:
        # The zoo antialiases where it shrinks, too.
        how = {"mode": "bilinear", "antialias": size < 32}
        images = nn.functional.interpolate(images, (size, size), **how)
    return images


def optimizer(model, rate):
    """Fused SGD; weight decay spares norms and biases, which are all vectors."""
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    others = [p for p in model.parameters() if p.ndim > 1]
    groups = [{"params": others, "weight_decay": 5e-4}, {"params": vectors}]
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)


def peak_mb(who):
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(who).ru_maxrss / unit, 1)


def add_way(parser):
    """The flags of how the network runs, and of what feeds it."""
    add = parser.add_argument
    add("--pipeline", choices=["pil", "tensor"], default="tensor")
    add("--workers", type=int, choices=[0, 1, 2], default=0, help="with pil")
    add("--mode", choices=list(LAYOUTS), default="channels_last")
    add("--compile", action="store_true", help="torch.compile the network")


def check_way(parser, args):
    if args.workers and args.pipeline != "pil":
        parser.error("--workers goes with --pipeline pil")


def batches_of(args, images, labels):
    """Batches without end, by the pipeline that was asked for."""
    if args.pipeline == "pil":
        return pil_batches(images, labels, args.batch_size, args.workers)
    return tensor_batches(images, labels, args.batch_size)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    positive = {"type": int, "metavar": "N"}
    add("--model", choices=sorted(NAMES), default="mobilenet-v2")
    add("--library", choices=["torchvision", "timm"], default="torchvision")
    add("--profile", choices=["native", "stem1", "cifar"], default="native")
    add("--input-size", default=32, **positive)
    add("--batch-size", default=128, **positive)
    add("--threads", default=2, **positive)
    add_way(parser)
    add("--warmup-steps", default=5, help="not timed", **positive)
    add("--steps", default=40, help="timed", **positive)
    add("--learning-rate", type=float, default=0.01)
    add("--params", help="parameters the network must have", **positive)
    add("--macs", help="MACs an image it must have", **positive)
    add("--data-dir", default=DATA_DIR, help="the folder of data_batch_1.bin")
    args = parser.parse_args()
    for name, value in vars(args).items():
        if isinstance(value, int) and value < 1 and name not in ("workers", "compile"):
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    check_way(parser, args)
    return args


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = network(args.model, args.library, args.profile)
    params, macs = count(model, args.input_size)
    check_counts(args, (params, macs))
    model.to(memory_format=(layout := LAYOUTS[args.mode]))
    update = optimizer(model, args.learning_rate)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    if args.compile:
        model = torch.compile(model)
    batches = batches_of(args, *read_cifar(args.data_dir))

    losses, correct = [], 0
    for step in range(args.warmup_steps + args.steps):
        if step == args.warmup_steps:
            begun = time.perf_counter()
        inputs, targets = next(batches)
        logits = model(prepared(inputs, args.input_size, layout))
        loss = criterion(logits, targets)
        # The zoo looks at loss and accuracy of every step; so does this.
        losses.append(loss.item())
        correct += (logits.argmax(1) == targets).sum().item()
        update.zero_grad()
        loss.backward()
        update.step()
    seconds = time.perf_counter() - begun
    if not all(map(math.isfinite, losses)):
        sys.exit("the loss is not finite: lower --learning-rate")
    batches.close()  # ends the workers, so that their memory is known
    result = {
        "images_per_second": round(args.steps * args.batch_size / seconds, 2),
        "peak_mb": peak_mb(resource.RUSAGE_SELF),
        "first_loss": round(losses[0], 4),
        "loss": round(losses[-1], 4),
        "top1": round(100 * correct / (len(losses) * args.batch_size), 2),
        "params": params,
        "macs": macs,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
    if args.workers:
        result["worker_peak_mb"] = peak_mb(resource.RUSAGE_CHILDREN)
    if args.library == "timm":
        result["timm"] = sys.modules["timm"].__version__
    del args.data_dir  # where the data lie says nothing of the work
    print(json.dumps({**result, "settings": vars(args)}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
