"""What torchvision's augmentations make of pictures, for the tests of `zoo_training::augment`.

Pictures are no files: both sides fill them from one formula (`picture` here, `picture` in
the tests). Written are, as hexadecimal digits, the pixels behind each operation at some
of its magnitudes, and every magnitude of `RandAugment` and `TrivialAugmentWide`.
"""

import json
import os

import numpy as np
import torchvision
from PIL import Image, __version__ as pillow
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import RandAugment, TrivialAugmentWide, _apply_op

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTPUT = os.path.join(ROOT, "zoo-training", "tests", "golden", "augment.json")

# Width and height: a square, which can be turned by 90 degrees, and one that is none.
SIZES = [(10, 10), (11, 7)]
# Histograms of fewer than 256 pixels are not equalised.
LARGE = (26, 21)
# Pictures too small for a filter of 3 x 3, or with a single grey level.
TINY = [(1, 1), (2, 4)]
BINS = [0, 5, 12, 20, 30]


def picture(width, height):
    """Neither even nor noise, and without the darkest and the brightest levels."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                pixels[y, x, channel] = 20 + (7 * x * x + 13 * y * (channel + 1) + 5 * x * y + 60 * channel) % 211
    return Image.fromarray(pixels)


def spaces():
    """Name, sides and operations of each policy."""
    for side in [32, 224]:
        yield "randaugment", side, RandAugment()._augmentation_space(31, (side, side))
    yield "trivialaugment", 32, TrivialAugmentWide()._augmentation_space(31)


def magnitudes(values, signed):
    if values.ndim == 0:
        return [0.0]
    chosen = [float(values[index]) for index in BINS]
    return chosen + [-value for value in chosen if value] if signed else chosen


def case(name, magnitude, size):
    image = _apply_op(picture(*size), name, magnitude, InterpolationMode.NEAREST, None)
    return {"operation": name, "magnitude": magnitude, "size": size, "pixels": image.tobytes().hex()}


def main():
    cases = []
    for name, (values, signed) in TrivialAugmentWide()._augmentation_space(31).items():
        if name == "Identity":
            continue
        sizes = [LARGE] if values.ndim == 0 else SIZES
        cases += [case(name, magnitude, size) for size in sizes for magnitude in magnitudes(values, signed)]
        cases += [case(name, magnitudes(values, signed)[-1], size) for size in TINY]
    tables = [
        {"policy": policy, "side": side, "magnitudes": {name: values.reshape(-1).tolist() for name, (values, _) in space.items()}}
        for policy, side, space in spaces()
    ]
    with open(OUTPUT, "w") as file:
        file.write(f'{{"torchvision": "{torchvision.__version__}", "pillow": "{pillow}",\n"policies": [\n')
        file.write(",\n".join(json.dumps(table) for table in tables))
        file.write('],\n"cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases))
        file.write("]}\n")


if __name__ == "__main__":
    main()
