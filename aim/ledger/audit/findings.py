"""What an audit of the ledger finds, and what other rooms add to it."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was sealed. `code` is stable, `record` names the row, `detail` says what is wrong."""

    code: str
    record: str
    detail: str


class Audited(NamedTuple):
    """An entry whose body is the one that was sealed; `body` is as `read_body` gives it."""

    seq: int
    id: UUID
    kind: str
    body: dict[str, Any]


class Counterpart(Protocol):
    """Rows beside the ledger that say the same as its entries, and must go on saying it."""

    def compare(self, entries: Collection[Audited]) -> Iterable[Finding]:
        """Compare the rows that belong to these entries, which come in their order."""

    def finish(self, erased: Collection[UUID]) -> Iterable[Finding]:
        """Compare what only the end shows; `erased` are the entries whose clear values were erased, on record."""


_counterparts: list[Callable[[], Counterpart]] = []


def register_counterpart(make: Callable[[], Counterpart]) -> None:
    """`make` is called once for each audit."""
    _counterparts.append(make)


def new_counterparts() -> Iterator[Counterpart]:
    return (make() for make in _counterparts)
