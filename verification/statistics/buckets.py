"""Times of decisions in fixed classes, each √2 times as wide as the one before, so that any periods can be added up."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

_FIRST_US, _CLASSES = 64, 34
BOUNDS_US: Final = tuple(round(_FIRST_US * 2 ** (step / 2)) for step in range(_CLASSES))
"""Upper bounds in microseconds, 64 µs to about 6 s. They are stored by position: never change them."""
WIDTH: Final = len(BOUNDS_US) + 1
"""With the class of everything longer."""


def bucket_of(microseconds: int) -> int:
    return bisect_left(BOUNDS_US, microseconds)


def percentile(latency: Sequence[int], share: float) -> int | None:
    """The time within which this share of the decisions was made, in microseconds; between two bounds by rule of three.

    Right within the width of a class. None where there is no decision.
    """
    total = sum(latency)
    if not total:
        return None
    wanted, passed = share * total, 0
    for position, count in enumerate(latency):
        if count and passed + count >= wanted:
            lower = BOUNDS_US[position - 1] if position else 0
            upper = BOUNDS_US[min(position, len(BOUNDS_US) - 1)]
            return round(lower + (max(upper, lower) - lower) * (wanted - passed) / count)
        passed += count
    return BOUNDS_US[-1]
