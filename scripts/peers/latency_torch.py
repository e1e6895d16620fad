"""Latency of torchvision's networks in PyTorch, as one would deploy them.

One process, one network, one thread, random images; the modes run in interleaved
rounds, and one line of JSON gives the median of the runs that count, in milliseconds.
"""

import argparse
import json
import os
import statistics
import sys
import time
import warnings

from rounds import counted, lack, per_round

NETWORKS = {
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-small": "mobilenet_v3_small",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "efficientnet-b0": "efficientnet_b0",
}
MODES = (
    "eager",
    "channels_last",
    "torchscript",
    "torchscript_channels_last",
    "compiled",
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", choices=list(NETWORKS), required=True)
    add("--input-size", type=int, default=224)
    add("--batch", type=int, default=1)
    add("--threads", type=int, default=1)
    add("--modes", default=",".join(MODES), help="some of these, with commas between")
    add("--runs", type=int, default=60, help="timed runs of each mode, at least")
    add("--seconds", type=float, default=0.5, help="time of each mode, at least")
    add("--params", type=int, help="refuse a network of another number")
    args = parser.parse_args()
    unknown = set(args.modes.split(",")) - set(MODES)
    if unknown:
        parser.error(f"unknown mode {', '.join(sorted(unknown))}: {', '.join(MODES)}")
    return args


def network(args):
    """The network with fresh weights, ready for inference."""
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models, NETWORKS[args.model])(weights=None).eval()
    params = sum(p.numel() for p in model.parameters())
    if args.params and params != args.params:
        expected = f"not {args.params}"
        sys.exit(f"torchvision's {args.model} has {params} parameters, {expected}")
    return model


def deployed(args, mode):
    """The network in one mode, as a function of no arguments."""
    model = network(args)
    shape = (args.batch, 3, args.input_size, args.input_size)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    if mode in ("channels_last", "torchscript_channels_last", "compiled"):
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    if mode.startswith("torchscript"):
        model = torch.jit.trace(model, images)
        model = torch.jit.optimize_for_inference(torch.jit.freeze(model))
    if mode == "compiled":
        from torch._inductor import config

        config.freezing = True
        model = torch.compile(model)
    return lambda: model(images)


def timed(run):
    begun = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - begun)


def warm_up(run):
    """The last median, once those of two windows agree, or after ten seconds."""
    begun, before = time.perf_counter(), float("inf")
    while True:
        now = statistics.median(timed(run) for _ in range(5))
        if abs(now - before) <= 0.02 * now or time.perf_counter() - begun >= 10:
            return now
        before = now


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.threads :])
    runs, each, failed = {}, {}, {}
    with torch.no_grad():
        for mode in args.modes.split(","):
            try:
                run = deployed(args, mode)
                run()
            except Exception as error:  # A mode that a machine lacks leaves the others.
                failed[mode] = str(error).strip().splitlines()[0]
                continue
            each[mode] = per_round(warm_up(run), args.runs, args.seconds)
            runs[mode] = run
        rounds = {mode: [] for mode in runs}
        while any(lack(those, args.runs, args.seconds) for those in rounds.values()):
            for mode, run in runs.items():
                run()
                rounds[mode].append([timed(run) for _ in range(each[mode])])
    p50 = {mode: statistics.median(counted(those)) for mode, those in rounds.items()}
    line = {"torch": torch.__version__, "p50_ms": p50, "failed": failed}
    print(json.dumps(line))


if __name__ == "__main__":
    # Deprecation of TorchScript is not what a table is read for.
    warnings.simplefilter("ignore")
    import torch

    main()
