"""Which rounds of a latency count, as `zoo-train` has it: results/README.md, `latency.csv`."""

import math
import statistics

ENOUGH, MOST, NOISY = 15, 60, 1.05


def stretch(medians):
    """The medians of the 5 % that hold most of them; of equals the fastest."""
    ordered = sorted(medians)
    stretches = ([m for m in ordered if low <= m <= low * NOISY] for low in ordered)
    return max(stretches, key=len, default=[])


def counted(rounds):
    """The runs of the rounds that count, pooled: of those that agree, if enough do."""
    medians = [statistics.median(runs) for runs in rounds]
    agreeing = stretch(medians)
    if len(agreeing) < ENOUGH:
        return [ms for runs in rounds for ms in runs]
    least, most = agreeing[0], agreeing[-1]
    kept = (runs for runs, m in zip(rounds, medians) if least <= m <= most)
    return [ms for runs in kept for ms in runs]


def lack(rounds, runs, seconds):
    """Whether more rounds are needed: for runs and seconds that count, or to agree."""
    wait = len(rounds) < MOST
    counts = counted(rounds) if wait else [ms for each in rounds for ms in each]
    few = len(counts) < runs or sum(counts) < 1e3 * seconds
    agreeing = stretch([statistics.median(each) for each in rounds])
    return few or (wait and len(agreeing) < ENOUGH)


def per_round(typical, runs, seconds):
    """Runs in a round of a mode that takes `typical` milliseconds."""
    wanted = max(runs, math.ceil(1e3 * seconds / typical))
    return -(-wanted // ENOUGH)
