#!/usr/bin/env python3
"""Writes the seeds in fuzz/corpus: small files as PyTorch and others write them, and files of this repository.

    python3 fuzz/seeds.py        # needs torch and safetensors for those of weights
"""

import collections
import json
import pathlib
import pickle
import re
import shutil
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz/corpus"
LARGEST = 1500


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    images()
    tables()
    files("settings", "configs/*.toml")
    files("sweep", "configs/sweeps/*.toml")
    results()
    weights()


def weights():
    import torch
    from safetensors.torch import save

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    state = network.state_dict()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    views = torch.arange(6.0).reshape(2, 3)
    kinds = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.bool]
    objects = {
        "state": state,
        "checkpoint": {"epoch": 3, "arch": "net", "args": {"lr": 0.1}, "state_dict": state, "optimizer": optimizer.state_dict()},
        "views": {"a": views.t(), "b": views[:, 1], "c": views[0, 0], "d": views[:0], "e": views.expand(2, 2, 3)},
        "kinds": {str(kind): torch.ones(2).to(kind) for kind in kinds},
        "wrapped": collections.OrderedDict((f"module.{name}", tensor) for name, tensor in state.items()),
        "parameter": {"p": torch.nn.Parameter(torch.ones(3)), "set": {1, 2}, "big": 1 << 70, "none": None},
    }
    for name, value in objects.items():
        seed("torch_legacy", name, lambda path: torch.save(value, path, _use_new_zipfile_serialization=False))
        path = seed("torch_zip", name, lambda path: torch.save(value, path))
        with zipfile.ZipFile(path) as archive:
            put("torch_pickle", name, archive.read(f"{path.stem}/data.pkl"))
        for protocol in 3, 4, 5:
            seed("torch_legacy", f"{name}-{protocol}", lambda path: torch.save(
                value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False))
    path = CORPUS / "torch_zip/state"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(CORPUS / "torch_zip/deflated", "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in source.namelist():
            packed.writestr(entry, source.read(entry))
    put("torch_pickle", "containers", pickle.dumps([{"a": (1, 2, 3, 4.5, b"x" * 300)}, {2}, frozenset([3]), True], 4))
    put("safetensors", "state", save({name: tensor.contiguous() for name, tensor in state.items()}))
    put("safetensors", "words", save({"a": torch.ones(2)}, {"format": "pt", "arch": "net"}))
    put("safetensors", "kinds", save(objects["kinds"]))
    put("safetensors", "header", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}\0' + bytes(8))


def images():
    """Those that the tests of image files read."""
    files = json.loads((ROOT / "zoo-data/tests/golden/images.json").read_text())["files"]
    for name, (_, digits) in files.items():
        if len(digits) <= 2 * LARGEST:
            put("image", re.sub(r"\W+", "-", name), bytes.fromhex(digits))


def tables():
    """The architectures."""
    for path in sorted(ROOT.glob("zoo-core/src/arch/*.rs")):
        for number, table in enumerate(re.findall(r"^network! \{\n(.*?)^\}", path.read_text(), re.M | re.S)):
            put("network_macro", f"{path.stem}-{number}", table.encode())


def results():
    """Tables with the header of the target, and what becomes of such."""
    header, row = b"model,width,macs,status\n", b"mobilenet-v2,0.75,213094864,done\n"
    quoted = b'"a, ""b""",1,"2\n3",\n'
    put("results", "whole", header + row + quoted)
    put("results", "older", b"model,width\n" + b"mobilenet-v1,1\n")
    put("results", "spreadsheet", "\ufeff".encode() + (header + row).replace(b"\n", b"\r\n"))
    put("results", "together", header + row + header + row)
    put("results", "torn", header + row + row[:15])
    put("results", "no-newline", header + row[:-1])
    put("results", "half-header", header[:12])
    put("results", "empty", b"")


def files(target, pattern):
    for path in sorted(ROOT.glob(pattern)):
        put(target, path.stem, path.read_bytes())


def seed(target, name, write):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    return path


def put(target, name, data):
    seed(target, name, lambda path: path.write_bytes(data))


if __name__ == "__main__":
    main()
