"""Which rounds of a latency count, as `zoo-train` has it: results/README.md, `latency.csv`."""

import statistics

ENOUGH, MOST, NOISY = 15, 60, 1.05


def stretch(medians):
    """The medians of the 5 % that hold most of them; of equals the fastest."""
    ordered = sorted(medians)
    stretches = ([m for m in ordered if low <= m <= low * NOISY] for low in ordered)
    return max(stretches, key=len, default=[])


def agree(medians):
    """Whether enough rounds agree, or it is no use to go on."""
    return len(medians) >= MOST or len(stretch(medians)) >= ENOUGH


def typical(medians):
    """The median of the rounds that count."""
    agreeing = stretch(medians)
    return statistics.median(agreeing if len(agreeing) >= ENOUGH else medians)
