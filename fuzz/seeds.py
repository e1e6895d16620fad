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
    networks()


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


def networks():
    import numpy
    from onnx import TensorProto, helper, numpy_helper

    def node(kind, inputs, output, **attributes):
        return helper.make_node(kind, inputs, [output], name=output, **attributes)

    def constant(name, numbers):
        return numpy_helper.from_array(numbers, name)

    shape = ["batch", 2, 4, 4]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])
    weights = [constant("weight", numpy.ones((3, 2, 3, 3), numpy.float32)), constant("bias", numpy.zeros(3, numpy.float32))]
    tail = [node("GlobalAveragePool", ["conv"], "pool"), node("Flatten", ["pool"], "logits", axis=1)]
    float_nodes = [node("Conv", ["input", "weight", "bias"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]), *tail]
    scales = [constant("scale", numpy.float32(0.5)), constant("zero", numpy.uint8(3))]
    pair = [node("QuantizeLinear", ["input", "scale", "zero"], "bytes"), node("DequantizeLinear", ["bytes", "scale", "zero"], "real")]
    int8_nodes = [*pair, node("Conv", ["real", "weight", "bias"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]), *tail]
    for name, nodes, tensors in ("float", float_nodes, weights), ("int8", int8_nodes, weights + scales):
        model = helper.make_model(
            helper.make_graph(nodes, name, [image], [logits], tensors), opset_imports=[helper.make_opsetid("", 17)]
        )
        helper.set_model_props(model, {"zoo.model": "mobilenet-v1", "zoo.macs": "864", "zoo.classes": '["a", "b", "c"]'})
        put("onnx", name, model.SerializeToString())


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
