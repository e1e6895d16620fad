"""Accuracy and latency of int8 networks: the zoo's and those of ONNX Runtime's own quantiser.

FLOAT is what `zoo-train export -o FLOAT.onnx` wrote, INT8 what `zoo-train quantize` made of
the same weights. Both say in their metadata how images are prepared. FOLDER holds `train` and
`val` with a folder for each class, named by its WordNet id; classes are looked up in a list of
`wnid` lines in the order of the logits, or taken from the folders' order.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import onnx
import onnxruntime
from PIL import Image

# The ten classes of Imagenette among the 1000 logits of ImageNet.
IMAGENETTE = {
    "n01440764": 0, "n02102040": 217, "n02979186": 482, "n03000684": 491, "n03028079": 497,
    "n03394916": 566, "n03417042": 569, "n03425413": 571, "n03445777": 574, "n03888257": 701,
}


def said(path):
    return {pair.key: pair.value for pair in onnx.load(path, load_external_data=False).metadata_props}


def prepared(files, told):
    mean, std = (numpy.array(told[key].split(","), numpy.float32) for key in ("zoo.mean", "zoo.std"))
    side = int(told["zoo.input_size"])
    resize = told.get("zoo.resize", "none")
    how = Image.BICUBIC if told.get("zoo.interpolation") == "bicubic" else Image.BILINEAR
    images = []
    for file in files:
        image = Image.open(file).convert("RGB")
        if resize != "none":
            width, height = image.size
            shorter, wanted = min(width, height), int(resize)
            image = image.resize((wanted * width // shorter, wanted * height // shorter), how)
        left, top = round((image.width - side) / 2), round((image.height - side) / 2)
        image = image.crop((left, top, left + side, top + side))
        images.append((numpy.asarray(image, numpy.float32) / 255 - mean) / std)
    return numpy.stack(images).transpose(0, 3, 1, 2).astype(numpy.float32)


def listed(folder, count):
    files = sorted(folder.glob("*/*"))
    return [files[number * len(files) // count] for number in range(min(count, len(files)))]


def quantize(source, target, images, reduced):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(images)

        def get_next(self):
            image = next(self.rest, None)
            return None if image is None else {"input": image[None]}

    with tempfile.TemporaryDirectory() as folder:
        simplified = os.path.join(folder, "simplified.onnx")
        quant_pre_process(source, simplified)
        quantize_static(
            simplified, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=reduced,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )


def runner(engine, path):
    if engine == "onnxruntime":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {"input": images})[0]
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    return lambda images: compiled(images)[0]


def latency(engine, path):
    """One image, one thread: the median in milliseconds, in this process."""
    run = runner(engine, path)
    image = numpy.random.default_rng(0).standard_normal((1, 3, *[int(said(path)["zoo.input_size"])] * 2))
    image = image.astype(numpy.float32)
    for _ in range(10):
        run(image)
    times = []
    for _ in range(60):
        begun = time.perf_counter()
        run(image)
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("float", help="the float network, by `zoo-train export`")
    add("int8", nargs="*", help="int8 networks, by `zoo-train quantize`")
    add("--folder", type=Path, help="train and val, with a folder for each class")
    add("--calibrate", type=int, default=256, help="training images for ONNX Runtime's quantiser")
    add("--test", type=int, default=500, help="test images")
    add("--rounds", type=int, default=3, help="processes for each network and engine, in turn; the best median counts")
    add("--engines", default="onnxruntime,openvino")
    add("--time", nargs=2, metavar=("ENGINE", "FILE"), help=argparse.SUPPRESS)
    if "--time" in sys.argv:
        print(json.dumps(latency(*sys.argv[sys.argv.index("--time") + 1:][:2])))
        return
    args = parser.parse_args()
    engines = args.engines.split(",")
    told = said(args.float)
    networks = {"float": args.float, **{Path(path).name: path for path in args.int8}}
    with tempfile.TemporaryDirectory() as folder:
        if args.folder:
            train = prepared(listed(args.folder / "train", args.calibrate), told)
            for word, reduced in (("ort full range", False), ("ort reduced range", True)):
                networks[word] = os.path.join(folder, word.replace(" ", "-") + ".onnx")
                quantize(args.float, networks[word], train, reduced)
                graph = onnx.load(networks[word])
                onnx.helper.set_model_props(graph, told)
                onnx.save(graph, networks[word])
            files = listed(args.folder / "val", args.test)
            images = prepared(files, told)
            labels = numpy.array([IMAGENETTE[file.parent.name] for file in files])
        for name, path in networks.items():
            for engine in engines:
                line = f"{name:28} {engine:12}"
                if args.folder:
                    run = runner(engine, path)
                    logits = numpy.concatenate([run(images[at:at + 20]) for at in range(0, len(images), 20)])
                    line += f" {100 * (logits.argmax(1) == labels).mean():6.2f} % top-1"
                command = [sys.executable, __file__, "--time", engine, path]
                times = [float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
                         for _ in range(args.rounds)]
                print(f"{line} {min(times):7.2f} ms", flush=True)


if __name__ == "__main__":
    main()
