"""The zoo's variants as networks of torchvision and timm, without weights.

Owns which constructor of a library makes which variant. Counts and values are compared
by the scripts that use it.
"""

import dataclasses
import functools
import sys
from typing import Callable, Optional

INSTALL = "pip install torch==2.13.0 torchvision==0.28.0 timm"

try:
    import timm
    import torchvision
    from timm.models.efficientnet import (
        _gen_efficientnet,
        _gen_efficientnet_lite,
        _gen_efficientnetv2_l,
        _gen_efficientnetv2_m,
        _gen_efficientnetv2_s,
        _gen_mobilenet_v1,
        _gen_mobilenet_v2,
    )
    from timm.models.mobilenetv3 import _gen_mobilenet_v3, _gen_mobilenet_v4
    from torch import nn
except ImportError as error:
    sys.exit(f"{error.name} is missing in {sys.executable}: {INSTALL}")

# Blocks of each stage where torchvision lists blocks one behind the other.
V2_REPEATS = (1, 2, 3, 4, 3, 3, 1)
V3_LARGE_REPEATS = (1, 2, 3, 4, 2, 3)
V3_SMALL_REPEATS = (1, 2, 3, 2, 3)

# Width, depth and input size of EfficientNet B0 to B8; Lite has those of B0 to B4 but
# for its input sizes.
COMPOUND = [
    (1.0, 1.0, 224),
    (1.0, 1.1, 240),
    (1.1, 1.2, 260),
    (1.2, 1.4, 300),
    (1.4, 1.8, 380),
    (1.6, 2.2, 456),
    (1.8, 2.6, 528),
    (2.0, 3.1, 600),
    (2.2, 3.6, 672),
]
LITE_INPUTS = [224, 240, 260, 280, 300]

# PyTorch's own f32 is off by 2.7e-4 of the largest logit for ResNet-101 with a deviation
# of 2.5, and by 4e-5 with this one. ReLU has no kink further out.
RELU = {"deviation": 0.5}


@dataclasses.dataclass(frozen=True)
class Variant:
    """A variant of the zoo and what makes the same network elsewhere."""

    name: str
    input_size: int
    # Called with num_classes, pad_type and bn_eps; None where timm has no such network.
    of_timm: Optional[Callable] = None
    # Called with num_classes; None where torchvision has another network or none.
    of_torchvision: Optional[Callable] = None
    # Blocks of each stage in torchvision's flat list; None where stages are modules.
    repeats: Optional[tuple] = None
    # timm's names of this network: those of its own training, then TensorFlow's.
    timm_names: tuple = ()
    # By library, the names of the modules whose outputs are those of the stages. Networks
    # that have it are made by name, see `by_name`.
    ends: Optional[dict] = None
    # A small input with odd sides on the way down, which the network still takes.
    odd_size: int = 75
    # What the golden values' norms give, where the usual deviation would let the rounding
    # of f32 grow from block to block until it shows.
    deviation: Optional[float] = None

    def timm(self, classes, padding="symmetric", bn_eps=None):
        """timm's network; without `bn_eps`, with what goes with the padding."""
        if self.of_timm is None:
            raise ValueError(f"timm has no network that equals {self.name}")
        if bn_eps is None:
            bn_eps = 1e-3 if padding == "same" else 1e-5
        pad_type = "same" if padding == "same" else ""
        return self.of_timm(num_classes=classes, pad_type=pad_type, bn_eps=bn_eps)

    def torchvision(self, classes):
        """torchvision's network, or an error where it has none."""
        if self.of_torchvision is None:
            raise ValueError(f"torchvision has no network that equals {self.name}")
        return self.of_torchvision(num_classes=classes)

    def library(self, scheme, classes):
        """The network of `torchvision` or `timm` with that library's own constants."""
        return {"torchvision": self.torchvision, "timm": self.timm}[scheme](classes)

    def schemes(self):
        """The libraries that have this network."""
        found = [("torchvision", self.of_torchvision), ("timm", self.of_timm)]
        return [library for library, build in found if build is not None]

    def stages(self, scheme, model):
        """The modules whose outputs are those of the stages, in order."""
        if self.ends is not None:
            return [model.get_submodule(end) for end in self.ends[scheme]]
        if scheme == "timm":
            # The last convolution of these is a stage of timm's and the head here.
            blocks, headed = list(model.blocks), ("mobilenet-v3", "mobilenet-v4")
            return blocks[:-1] if self.name.startswith(headed) else blocks
        features = list(model.features)[1:-1]
        if self.repeats is None:
            return features
        ends = [sum(self.repeats[: n + 1]) - 1 for n in range(len(self.repeats))]
        return [features[end] for end in ends]


NORMS = (nn.BatchNorm2d, nn.LayerNorm)


def norm_eps(model):
    """The constant of the network's norms."""
    return next(m.eps for m in model.modules() if isinstance(m, NORMS))


def timm_by_name(name, num_classes, pad_type, bn_eps, **keywords):
    """timm's network of that name, which has its own padding and constants."""
    del bn_eps
    if pad_type:
        raise ValueError(f"timm's {name} has one padding")
    return timm.create_model(name, pretrained=False, num_classes=num_classes, **keywords)


def by_name(name, input_size, ends, torchvision_name=None, timm_name=None, **other):
    """A variant that the libraries make by these names alone.

    `ends` has the modules whose outputs are those of the zoo's stages: names that both
    libraries use, or a dictionary by library. Names may come as a pair with keywords of
    the constructor behind them.
    """

    def builder(entry, of):
        call, keywords = entry if isinstance(entry, tuple) else (entry, {})
        return None if call is None else functools.partial(of(call), **keywords)

    if not isinstance(ends, dict):
        ends = {"torchvision": ends, "timm": ends}
    timm_only = timm_name[0] if isinstance(timm_name, tuple) else timm_name
    return Variant(
        name,
        input_size,
        builder(timm_name, lambda call: functools.partial(timm_by_name, call)),
        builder(torchvision_name, torchvision.models.get_model_builder),
        timm_names=(timm_only,) if timm_only else (),
        ends=ends,
        **other,
    )


def suffixed(name, width):
    """Name of a variant at a width."""
    return name if width == 1.0 else f"{name}-{width:g}"


def mobilenet_v1():
    for width in (1.0, 0.75, 0.5, 0.25):
        # timm rounds widths to 8, the zoo does not: at these both give the same.
        build = functools.partial(_gen_mobilenet_v1, "mobilenetv1_100", width)
        names = ("mobilenetv1_100",) if width == 1.0 else ()
        yield Variant(suffixed("mobilenet-v1", width), 224, build, timm_names=names)


def mobilenet_v2():
    for width in (1.0, 1.4, 1.3, 0.75, 0.5, 0.35):
        yield Variant(
            suffixed("mobilenet-v2", width),
            224,
            functools.partial(_gen_mobilenet_v2, "mobilenetv2_100", width),
            functools.partial(torchvision.models.mobilenet_v2, width_mult=width),
            V2_REPEATS,
            (f"mobilenetv2_{round(100 * width):03}",),
        )
    for width, depth in ((1.1, 1.2), (1.2, 1.4)):
        short = f"{round(100 * width)}d"
        like = f"mobilenetv2_{short}"
        fixed = {"depth_multiplier": depth, "fix_stem_head": True}
        build = functools.partial(_gen_mobilenet_v2, like, width, **fixed)
        yield Variant(f"mobilenet-v2-{short}", 224, build, timm_names=(like,))


def mobilenet_v3():
    for size, repeats in (("large", V3_LARGE_REPEATS), ("small", V3_SMALL_REPEATS)):
        for width in (1.0, 1.25, 0.75, 0.5, 0.35):
            short = f"mobilenetv3_{size}_{round(100 * width):03}"
            # At other widths torchvision scales by another rule.
            same = getattr(torchvision.models, f"mobilenet_v3_{size}")
            yield Variant(
                suffixed(f"mobilenet-v3-{size}", width),
                224,
                functools.partial(_gen_mobilenet_v3, f"mobilenetv3_{size}_100", width),
                same if width == 1.0 else None,
                repeats if width == 1.0 else None,
                (short, f"tf_{short}"),
            )
        like = f"tf_mobilenetv3_{size}_minimal_100"
        build = functools.partial(_gen_mobilenet_v3, like, 1.0)
        name = f"mobilenet-v3-{size}-minimalistic"
        yield Variant(name, 224, build, timm_names=(like,))


def mobilenet_v4():
    for size, side, widths in (
        ("small", 224, (1.0, 0.5, 0.35)),
        ("medium", 256, (1.0,)),
        ("large", 384, (1.0,)),
    ):
        for width in widths:
            like = f"mobilenetv4_conv_{size}"
            short = like if width == 1.0 else f"{like}_{round(100 * width):03}"
            build = functools.partial(_gen_mobilenet_v4, like, width)
            name = suffixed(f"mobilenet-v4-conv-{size}", width)
            yield Variant(name, side, build, timm_names=(short,))


def efficientnet_v2():
    for size, side, build in (
        ("s", 384, _gen_efficientnetv2_s),
        ("m", 480, _gen_efficientnetv2_m),
        ("l", 480, _gen_efficientnetv2_l),
    ):
        short = f"efficientnetv2_{size}"
        yield Variant(
            f"efficientnet-v2-{size}",
            side,
            functools.partial(build, short),
            getattr(torchvision.models, f"efficientnet_v2_{size}"),
            timm_names=(short, f"tf_{short}"),
        )


def efficientnet():
    for index, (width, depth, size) in enumerate(COMPOUND):
        short = f"efficientnet_b{index}"
        multipliers = {"channel_multiplier": width, "depth_multiplier": depth}
        yield Variant(
            f"efficientnet-b{index}",
            size,
            functools.partial(_gen_efficientnet, short, **multipliers),
            getattr(torchvision.models, short, None),
            timm_names=(short, f"tf_{short}"),
        )
    for index, size in enumerate(LITE_INPUTS):
        width, depth, _ = COMPOUND[index]
        short = f"efficientnet_lite{index}"
        multipliers = {"channel_multiplier": width, "depth_multiplier": depth}
        build = functools.partial(_gen_efficientnet_lite, short, **multipliers)
        names = (short, f"tf_{short}")
        yield Variant(f"efficientnet-lite{index}", size, build, timm_names=names)


def mnasnet():
    ends = {
        "torchvision": tuple(f"layers.{place}" for place in range(7, 14)),
        "timm": tuple(f"blocks.{stage}" for stage in range(7)),
    }
    for width in (1.0, 1.4, 1.3, 0.75, 0.5):
        # Each library names other widths, but both networks scale alike.
        like = None if width == 1.4 else f"mnasnet{width}".replace(".", "_")
        short = None if width == 1.3 else f"mnasnet_{round(100 * width):03}"
        yield by_name(suffixed("mnasnet", width), 224, ends, like, short)


def shufflenet_v2():
    ends = ("stage2", "stage3", "stage4")
    for width in (1.0, 2.0, 1.5, 0.5):
        like = f"shufflenet_v2_x{width}".replace(".", "_")
        name = "shufflenet-v2" if width == 1.0 else f"shufflenet-v2-{width}"
        yield by_name(name, 224, ends, like)


def ghostnet():
    # timm's stages are other runs of blocks. Its dropout is no module.
    ends = tuple(f"blocks.{end}" for end in ("0", "2", "4", "6.2", "6.4", "8"))
    for width in (1.0, 1.3, 0.5):
        like = (f"ghostnet_{round(100 * width):03}", {"drop_rate": 0.0})
        yield by_name(suffixed("ghostnet", width), 224, ends, timm_name=like)


def resnet():
    ends = tuple(f"layer{stage}" for stage in range(1, 5))
    for depth in (18, 34, 50, 101):
        like = f"resnet{depth}"
        yield by_name(f"resnet-{depth}", 224, ends, like, like, **RELU)


def regnet():
    ends = {
        "torchvision": tuple(f"trunk_output.block{stage}" for stage in range(1, 5)),
        "timm": tuple(f"s{stage}" for stage in range(1, 5)),
    }
    for size, number in (("400mf", 4), ("800mf", 8), ("1.6gf", 16), ("3.2gf", 32)):
        # torchvision rounds two widths of this one up: another network.
        like = None if size == "800mf" else f"regnet_y_{size.replace('.', '_')}"
        like_timm = f"regnety_{number:03}"
        yield by_name(f"regnet-y-{size}", 224, ends, like, like_timm, **RELU)


def convnext():
    ends = {
        "torchvision": [f"features.{2 * stage + 1}" for stage in range(4)],
        "timm": [f"stages.{stage}" for stage in range(4)],
    }
    for size in ("tiny", "small", "base", "atto", "femto", "pico", "nano"):
        theirs = f"convnext_{size}"
        published = theirs if size in ("tiny", "small", "base") else None
        yield by_name(f"convnext-{size}", 224, ends, published, theirs)


def variants():
    """Every variant of the zoo that a library has, in the zoo's order."""
    families = (
        mobilenet_v1,
        mobilenet_v2,
        mobilenet_v3,
        mobilenet_v4,
        efficientnet,
        efficientnet_v2,
        mnasnet,
        shufflenet_v2,
        ghostnet,
        resnet,
        regnet,
        convnext,
    )
    for family in families:
        yield from family()


def torchvision_name(variant):
    """The name that alone makes the network there; nothing where there is none."""
    build = variant.of_torchvision
    if build is None or getattr(build, "keywords", {}).get("width_mult", 1) != 1:
        return None
    return getattr(build, "func", build).__name__


def names(variant):
    """The names that make the network, each with its library."""
    yield from ((name, "timm") for name in filter(timm.is_model, variant.timm_names))
    if torchvision_name(variant) is not None:
        yield torchvision_name(variant), "torchvision"


def find(name):
    """The variant of that name; ends the script where there is none."""
    for variant in variants():
        if variant.name == name:
            return variant
    sys.exit(f"no library has `{name}`; `zoo-train list` shows all names")
