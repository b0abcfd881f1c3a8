"""The table of `factors.toml`, read once. Points are kept as whole hundredths, so that sums are exact everywhere."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

_HUNDREDTHS = 100
FULL = 100 * _HUNDREDTHS


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that costs trust. `kind` says by which rules: see the head of the table."""

    code: str
    kind: Literal["ordinary", "threat", "unproven"]
    cost: float
    title: str

    @property
    def cents(self) -> int:
        return cents(self.cost)


class Restoring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    approvals: int
    points: float
    most_an_hour: float


class Ordinary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    earned: float
    saved: float
    most_an_hour: float


class Unproven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    most_a_day: float


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    restoring: Restoring
    ordinary: Ordinary
    unproven: Unproven
    factor: tuple[Factor, ...]

    def find(self, code: str) -> Factor | None:
        return _by_code(self).get(code)


def cents(points: float) -> int:
    return round(points * _HUNDREDTHS)


@lru_cache(maxsize=4)
def _by_code(table: Table) -> dict[str, Factor]:
    return {factor.code: factor for factor in table.factor}


def _read() -> Table:
    return msgspec.toml.decode((Path(__file__).parent / "factors.toml").read_bytes(), type=Table)


FACTORS = _read()
