"""Writes `repvgg_a0.txt`: names, shapes and logits of timm's network, filled by a formula."""

import math
import os

import numpy as np
import timm
import torch

CLASSES, SIZE = 10, 64


def unit(tensor, count):
    element = np.arange(1, count + 1, dtype=np.float64)
    return np.sin(12.9898 * element + 78.233 * (tensor + 1))


def value(tensor, name, shape):
    count, fan_in = math.prod(shape), math.prod(shape[1:])
    numbers, word = unit(tensor, count), name.rsplit(".", 1)[-1]
    if word == "weight" and len(shape) > 1:
        numbers = numbers * math.sqrt(2.0 / fan_in)
    elif word in ("weight", "running_var"):
        numbers = 1.0 + 0.25 * numbers
    else:
        numbers = 0.25 * numbers
    return torch.from_numpy(numbers.astype(np.float32)).reshape(shape)


def main():
    model = timm.create_model("repvgg_a0", num_classes=CLASSES).eval()
    state = model.state_dict().items()
    tensors = [(k, list(t.shape)) for k, t in state if not k.endswith("num_batches_tracked")]
    filled = {name: value(index, name, shape) for index, (name, shape) in enumerate(tensors)}
    model.load_state_dict(filled, strict=False)
    pixels = unit(len(tensors), 2 * 3 * SIZE * SIZE).astype(np.float32)
    images = torch.from_numpy(pixels).reshape(2, 3, SIZE, SIZE).double()
    with torch.no_grad():
        logits = model.double()(images).tolist()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "repvgg_a0.txt")
    with open(path, "w", encoding="utf-8") as file:
        for name, shape in tensors:
            file.write(f"tensor {name} {' '.join(map(str, shape))}\n")
        for index, row in enumerate(logits):
            file.write(f"logits {index} {' '.join(f'{x:.9g}' for x in row)}\n")


if __name__ == "__main__":
    main()
