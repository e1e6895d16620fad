"""Make image files ready for training in torchvision, on one thread, and tell the speed.

Read, decode, random crop to 224 pixels, flip, normalise, stack to batches: the work of
`zoo-train/examples/images.rs`, for figures side by side. Prints one line of JSON.
"""

import argparse
import json
import os
import sys
import time

INSTALL = "pip install torch==2.13.0 torchvision==0.28.0"

try:
    import torch
    import torchvision
    from torchvision.datasets import ImageFolder
    from torchvision.io import ImageReadMode, decode_jpeg, read_file
    from torchvision.transforms import v2
except ImportError as error:
    sys.exit(f"{error.name} is missing in {sys.executable}: {INSTALL}")

SIDE, BATCH = 224, 64
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pil(folder):
    """PIL images through the first transforms, as torchvision's references train."""
    from torchvision import transforms

    steps = [
        transforms.RandomResizedCrop(SIDE),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, DEVIATION),
    ]
    return ImageFolder(folder, transforms.Compose(steps))


def tensor(folder):
    """Tensors all the way, through the second transforms."""
    steps = [
        v2.RandomResizedCrop(SIDE, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, DEVIATION),
    ]

    def load(path):
        return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)

    return ImageFolder(folder, v2.Compose(steps), loader=load)


PIPELINES = {"pil": pil, "tensor": tensor}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="one with a folder `train`")
    parser.add_argument("--pipeline", choices=list(PIPELINES), default="tensor")
    parser.add_argument("--passes", type=int, default=5, help="timed, after one more")
    args = parser.parse_args()
    if args.passes < 1:
        parser.error("--passes must be at least 1")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train = os.path.join(args.folder, "train")
    if not os.path.isdir(train):
        sys.exit(f"there is no {train}")
    pictures = PIPELINES[args.pipeline](train)
    loader = torch.utils.data.DataLoader(pictures, BATCH, shuffle=True, drop_last=True)
    for number in range(args.passes + 1):
        if number == 1:
            begun = time.perf_counter()
        for images, _ in loader:
            assert images.shape == (BATCH, 3, SIDE, SIDE)
    seconds = time.perf_counter() - begun
    images = args.passes * len(loader) * BATCH
    result = {
        "images_per_second": round(images / seconds, 2),
        "images": images,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
