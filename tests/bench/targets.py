"""The targets of docs/performance.md, each a ratio of two figures of the same run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.rounds import Cell, Figures, ratio_to

FLOOR_A, FLOOR_B = "floor A", "floor B"
ONE, TWO = "product", "product x2"


@dataclass(frozen=True)
class Target:
    """`measured` must be at least (or, with `at_most`, at most) `must`; `aim` is where it should go."""

    text: str
    cell: Cell
    base: Cell
    figure: Callable[[Figures], float]
    must: float
    aim: float
    at_most: bool = False


@dataclass(frozen=True)
class Verdict:
    """A target and the ratio found."""

    target: Target
    ratio: float

    @property
    def met(self) -> bool:
        return self._reaches(self.target.must)

    @property
    def reaches_aim(self) -> bool:
        return self._reaches(self.target.aim)

    def _reaches(self, bound: float) -> bool:
        return self.ratio <= bound if self.target.at_most else self.ratio >= bound


def _per_second(figures: Figures) -> float:
    return figures.per_second


def _p50(figures: Figures) -> float:
    return figures.p50


def _p99(figures: Figures) -> float:
    return figures.p99


TARGETS = [
    Target("decisions/s at 16, to floor A", Cell(ONE, 16), Cell(FLOOR_A, 16), _per_second, must=0.6, aim=0.9),
    Target("decisions/s at 16, to floor B", Cell(ONE, 16), Cell(FLOOR_B, 16), _per_second, must=1.2, aim=1.2),
    Target("decisions/s at 64, 2 processes, to floor A", Cell(TWO, 64), Cell(FLOOR_A, 64), _per_second, 0.7, 1.2),
    Target("decisions/s at 64, 2 processes to 1", Cell(TWO, 64), Cell(ONE, 64), _per_second, must=1.15, aim=1.15),
    Target("p99 at 16, to floor A", Cell(ONE, 16), Cell(FLOOR_A, 16), _p99, must=3, aim=2, at_most=True),
    Target("p50 at 1, to floor A", Cell(ONE, 1), Cell(FLOOR_A, 1), _p50, must=2, aim=1.3, at_most=True),
    Target("p99 at 64, 2 processes, to floor A", Cell(TWO, 64), Cell(FLOOR_A, 64), _p99, must=3, aim=2, at_most=True),
]


def judge(runs: Mapping[Cell, Sequence[Figures]]) -> list[Verdict]:
    """Return a verdict on every target that was measured: the median of the ratios within the rounds."""
    verdicts = []
    for target in TARGETS:
        ratio = ratio_to(runs, target.cell, target.base, target.figure)
        if ratio is not None:
            verdicts.append(Verdict(target=target, ratio=round(ratio, 3)))
    return verdicts
