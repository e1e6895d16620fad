"""Networks exported as ONNX compute the same in other engines.

For each variant the example `random_network` of zoo-core writes random weights, images and
the logits that the network gives in f64 before anything is folded; `zoo-train export`
writes the weights as ONNX. The file must pass ONNX's own checker and say what `list` says,
and each engine's logits must be the reference's up to a share of the largest one. Images
given as bytes, to a graph that normalises them itself, must give what they give prepared.
With --weights, and another --zoo-train, networks of other crates are checked, against what
the program itself predicts. Exits with 1 where something differs.
"""

import argparse
import contextlib
import fnmatch
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT = os.path.join(ROOT, "target", "debug")
ZOO = os.path.join(BUILT, "zoo-train")
RANDOM = os.path.join(BUILT, "examples", "random_network")


def run(program, *arguments, folder=None):
    """Runs a program and gives what it printed; ends the script where it fails."""
    command = [program, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        done = subprocess.run(command, cwd=folder, text=True, **pipes)
    except OSError as error:
        sys.exit(f"cannot run {program} ({error.strerror}): see scripts/README.md")
    if done.returncode != 0:
        said = done.stderr.strip()
        sys.exit(f"`{' '.join(command)}` ended with {done.returncode}: {said}")
    return done.stdout


def by_onnxruntime(path, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    return session.run(["logits"], {"input": images})[0]


def by_openvino(path, images):
    import openvino

    # Without it a processor that has bfloat16 computes in it.
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", precise)
    return compiled(images)["logits"]


def by_tract(path, images):
    import tract

    runnable = tract.onnx().load(path).into_model().into_runnable()
    return runnable.run([images])[0].to_numpy()


def by_ncnn(path, images):
    """Through pnnx, which turns a file for one image into ncnn's."""
    import ncnn
    import pnnx

    folder = os.path.dirname(path)
    shape = [1, *images.shape[1:]]
    shape = f"inputshape=[{','.join(map(str, shape))}]"
    run(pnnx.EXEC_PATH, os.path.basename(path), shape, "fp16=0", folder=folder)
    net = ncnn.Net()
    for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{half}", False)
    stem = path.removesuffix(".onnx")
    net.load_param(f"{stem}.ncnn.param")
    net.load_model(f"{stem}.ncnn.bin")
    logits = []
    for image in images:
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(image).clone())
            logits.append(numpy.array(extractor.extract("out0")[1]))
    return numpy.stack(logits).reshape(len(images), -1)


ENGINES = {
    "onnxruntime": by_onnxruntime,
    "openvino": by_openvino,
    "tract": by_tract,
    "ncnn": by_ncnn,
}


def off(found, expected):
    """The largest difference as a share of the largest value."""
    if found.shape != expected.shape:
        return float("inf")
    return float(numpy.abs(found - expected).max() / numpy.abs(expected).max())


def degenerate(logits):
    """Whether they hardly depend on the image."""
    spread = numpy.abs(logits - logits.mean(axis=0)).max()
    return not spread > 0.05 * numpy.abs(logits).max()


class Check:
    """What was found, by engine."""

    def __init__(self, args):
        self.args = args
        self.worst = {}
        self.fine = True

    def note(self, what, engine, share):
        # Written so that not-a-number fails.
        good = share <= self.args.tolerance
        if not good:
            print(f"{what}, {engine}: DIFFERENT, {share:.1e}", flush=True)
        self.fine &= good
        before = self.worst.get(engine, (0.0, what))
        self.worst[engine] = max(before, (share, what)) if good else (share, what)

    def refuse(self, what, problem):
        print(f"{what}: {problem}", flush=True)
        self.fine = False

    def export(self, row, folder, name, *more):
        path = os.path.join(folder, name)
        run(self.args.zoo_train, "export", row["model"], *more, "--output", path)
        return path

    def variant(self, row, folder):
        weights = self.args.weights or os.path.join(folder, "weights.safetensors")
        side = str(self.args.input_size or row["input_size"])
        if self.args.weights:
            images, logits = self.predicted(row, weights, side, folder)
        else:
            padding = [self.args.padding] if self.args.padding else []
            run(self.args.random_network, row["model"], side, folder, *padding)
            reference = load_file(os.path.join(folder, "reference.safetensors"))
            images, logits = reference["input"], reference["logits"]
        if degenerate(logits) and not self.args.weights:
            self.refuse(row["model"], "its logits hardly depend on the image")
        shares = []
        for opset in self.args.opset:
            what = f"{row['model']}, opset {opset}"
            size = ("--weights", weights, "--input-size", side, "--opset", str(opset))
            path = self.export(row, folder, "network.onnx", *size)
            self.file(what, row, path)
            for engine in self.args.engine:
                with quiet():
                    found = ENGINES[engine](path, images)
                shares.append(f"{engine} {off(found, logits):.1e}")
                self.note(what, engine, off(found, logits))
            if self.args.bytes:
                bytes_path = self.export(
                    row, folder, "bytes.onnx", *size, "--with-preprocessing"
                )
                self.bytes(what, path, bytes_path, images)
        print(f"{row['model']}: {', '.join(shares)}", flush=True)

    def predicted(self, row, weights, side, folder):
        """Images, and the logits that the program itself gives with these weights."""
        generator = numpy.random.default_rng(0)
        shape = (4, 3, int(side), int(side))
        images = generator.standard_normal(shape, dtype=numpy.float32)
        tensor = os.path.join(folder, "images.safetensors")
        output = os.path.join(folder, "logits.safetensors")
        save_file({"input": images}, tensor)
        files = ("--weights", weights, "--tensor", tensor, "--output", output)
        run(self.args.zoo_train, "predict", row["model"], *files, "--crop", side)
        return images, load_file(output)["logits"]

    def file(self, what, row, path):
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path)
        said = {entry.key: entry.value for entry in model.metadata_props}
        counts = (said["zoo.model"], int(said["zoo.parameters"]))
        # Weights of one's own may tell other classes apart.
        if counts != (row["model"], row["params"]) and not self.args.weights:
            self.refuse(what, f"the file says {counts}")
        batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
        if batch != "batch":
            self.refuse(what, f"its batch is `{batch}`")

    def bytes(self, what, path, bytes_path, images):
        """The pixels of `images`, to a graph that normalises and to one that does not."""
        said = {entry.key: entry.value for entry in onnx.load(bytes_path).metadata_props}
        shape = (1, -1, 1, 1)
        mean, std = (
            numpy.array(said[f"zoo.{key}"].split(","), numpy.float64).reshape(shape)
            for key in ("mean", "std")
        )
        pixels = ((images * std + mean) * 255).round().clip(0, 255).astype(numpy.uint8)
        prepared = ((pixels / 255.0 - mean) / std).astype(numpy.float32)
        expected = by_onnxruntime(path, prepared)
        pixels = numpy.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        share = off(by_onnxruntime(bytes_path, pixels), expected)
        self.note(what, "onnxruntime, bytes", share)


@contextlib.contextmanager
def quiet():
    """Engines write to standard error what is none of an error."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("glob", nargs="*", default=["*"], help="variants (default: all)")
    add(
        "--engine",
        choices=list(ENGINES),
        action="append",
        help="may be repeated (default: onnxruntime and openvino)",
    )
    add(
        "--opset",
        type=int,
        action="append",
        help="may be repeated (default: 17)",
    )
    add(
        "--input-size",
        type=int,
        default=75,
        help="pixels, 0 for each variant's own (default: 75, which halves to odd and "
        "even maps)",
    )
    add("--weights", help="a file of weights of the variant (default: random ones)")
    add("--padding", choices=["same", "symmetric"], help="(default: the variant's)")
    add("--bytes", action="store_true", help="check graphs that take bytes, too")
    add("--one-a-family", action="store_true", help="only the first of each family")
    add(
        "--tolerance",
        type=float,
        default=1e-4,
        help="share of the largest logit that may differ (default: 1e-4)",
    )
    add("--zoo-train", default=ZOO, metavar="PATH", help="the program")
    add("--random-network", default=RANDOM, metavar="PATH", help="the example")
    args = parser.parse_args()
    args.engine = args.engine or ["onnxruntime", "openvino"]
    args.opset = args.opset or [17]
    return args


def main():
    args = arguments()
    rows = json.loads(run(args.zoo_train, "list", "--format", "json"))
    wanted = [
        row
        for row in rows
        if any(fnmatch.fnmatch(row["model"], glob) for glob in args.glob)
    ]
    if args.one_a_family:
        families = {row["family"]: row for row in reversed(wanted)}
        wanted = list(reversed(families.values()))
    if not wanted:
        sys.exit("no variant is named so")
    check = Check(args)
    for row in wanted:
        with tempfile.TemporaryDirectory() as folder:
            check.variant(row, folder)
    for engine, (share, what) in check.worst.items():
        print(f"{engine}: at most {share:.1e}, {what}; {len(wanted)} variants")
    sys.exit(0 if check.fine else 1)


if __name__ == "__main__":
    main()
