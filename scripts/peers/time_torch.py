"""Train on CIFAR-10 in PyTorch until the test set is known well enough, by the clock.

Network, data, loss and step are those of `train_torch.py`; here are the schedule and the
evaluations of a whole run of `zoo-train`. Prints one line of JSON.
"""

import argparse
import copy
import json
import os
import sys
import time

import train_torch as peer
from train_torch import nn, torch


def read_test(folder):
    """The test set, normalised, as one map in channels_last order, and its labels."""
    path = os.path.join(folder, "test_batch.bin")
    try:
        with open(path, "rb") as file:
            content = bytearray(file.read())
    except OSError as error:
        sys.exit(f"cannot read {path} ({error.strerror})")
    records = torch.frombuffer(content, dtype=torch.uint8).view(-1, peer.RECORD)
    images = records[:, 1:].reshape(-1, 3, 32, 32).permute(0, 2, 3, 1).float() / 255
    pixels = (images - torch.tensor(peer.MEAN)) / torch.tensor(peer.DEVIATION)
    return pixels.contiguous().permute(0, 3, 1, 2), records[:, 0].long()


def rate(step, steps, warmup, peak):
    """A straight rise, and a straight fall to zero."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 - (step - warmup) / max(steps - warmup, 1))


@torch.no_grad()
def accuracy(model, images, labels, size, layout):
    """Percent of the test set, in batches of 250."""
    model.eval()
    correct = 0
    for inputs, targets in zip(images.split(250), labels.split(250)):
        logits = model(peer.prepared(inputs, size, layout))
        correct += (logits.argmax(1) == targets).sum().item()
    model.train()
    return 100 * correct / len(labels)


def compiled(model, batch, criterion, args, layout):
    """The network that trains: compiled, where that was asked for, before the clock runs.

    Evaluations, of another batch, run the network as it is, which has the same weights.
    """
    if not args.compile:
        return model
    trained, before = torch.compile(model), copy.deepcopy(model.state_dict())
    images, labels = batch
    criterion(trained(peer.prepared(images, args.input_size, layout)), labels).backward()
    model.zero_grad()
    model.load_state_dict(before)
    return trained


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", choices=sorted(peer.NAMES), default="mobilenet-v2")
    add("--library", choices=["torchvision", "timm"], default="torchvision")
    add("--profile", choices=["native", "stem1", "cifar"], default="stem1")
    add("--input-size", type=int, default=32)
    add("--batch-size", type=int, default=128)
    add("--threads", type=int, default=2)
    peer.add_way(parser)
    add("--epochs", type=int, required=True)
    add("--warmup-steps", type=int, required=True)
    add("--learning-rate", type=float, required=True)
    add("--target", type=float, default=80.0, help="percent of the test set")
    add("--params", type=int, help="parameters the network must have")
    add("--macs", type=int, help="MACs an image it must have")
    add("--seed", type=int, default=0)
    add("--data-dir", default=peer.DATA_DIR)
    args = parser.parse_args()
    peer.check_way(parser, args)
    return args


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = peer.network(args.model, args.library, args.profile, dropout=0.0)
    peer.check_counts(args, peer.count(model, args.input_size))
    model.to(memory_format=(layout := peer.LAYOUTS[args.mode]))
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = 0.1  # as the recipe has it, for short runs
    update = peer.optimizer(model, args.learning_rate)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    images, labels = peer.read_cifar(args.data_dir)
    test = read_test(args.data_dir)
    batches = peer.batches_of(args, images, labels)
    each_epoch = len(images) // args.batch_size
    steps = args.epochs * each_epoch
    trained = compiled(model, next(batches), criterion, args, layout)

    begun = time.perf_counter()
    top1, epoch = [], 0
    for step in range(steps):
        for group in update.param_groups:
            group["lr"] = rate(step, steps, args.warmup_steps, args.learning_rate)
        inputs, targets = next(batches)
        logits = trained(peer.prepared(inputs, args.input_size, layout))
        loss = criterion(logits, targets)
        loss.item()
        (logits.argmax(1) == targets).sum().item()
        update.zero_grad()
        loss.backward()
        update.step()
        if (step + 1) % each_epoch == 0:
            epoch += 1
            top1.append(accuracy(model, *test, args.input_size, layout))
            if top1[-1] >= args.target:
                break
    seconds = time.perf_counter() - begun
    result = {"seconds": round(seconds, 2), "epochs": epoch, "top1": top1}
    batches.close()
    print(json.dumps({**result, "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
