"""Everything in the database that is encrypted under the master keys, and its change to another master key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet

from aim.encryption import UndecryptableError, encrypt_anew, is_under_first_key

BATCH = 200


@dataclass(frozen=True, slots=True)
class Protected:
    """One sort of secrets. `rows` are those that hold any, by their primary key.

    `read` gives a row's secrets by a name; `write` puts some of them back and answers which fields are to be saved.
    """

    name: str
    rows: Callable[[], QuerySet[Any]]
    read: Callable[[Any], Mapping[str, bytes]]
    write: Callable[[Any, Mapping[str, bytes]], Sequence[str]]


@dataclass(slots=True)
class Count:
    """`anew` are the secrets that were, or in a dry run would be, encrypted under the first key."""

    rows: int = 0
    current: int = 0
    anew: int = 0
    undecryptable: int = 0


_all: dict[str, Protected] = {}


def register_protected(protected: Protected) -> None:
    """Called once for each sort, from the app that encrypts it."""
    if protected.name in _all:
        raise ValueError(f"There are secrets named {protected.name} already")
    _all[protected.name] = protected


def all_protected() -> list[Protected]:
    return sorted(_all.values(), key=lambda protected: protected.name)


def encrypt_rows_anew(
    protected: Protected, *, dry_run: bool = False, progress: Callable[[int], None] = lambda _rows: None
) -> Count:
    """Put every secret of this sort under the first master key, a batch of rows in a transaction.

    What is under it already is left alone, so that a run that was interrupted goes on where it stopped, and rows that
    are written meanwhile are no trouble. A secret under no configured key is counted and stays as it is.
    """
    count, last = Count(), None
    while True:
        with transaction.atomic():
            rows = protected.rows().order_by("pk")
            batch = list((rows if last is None else rows.filter(pk__gt=last)).select_for_update(of=("self",))[:BATCH])
            for row in batch:
                _one(protected, row, count, dry_run=dry_run)
        if not batch:
            return count
        last = batch[-1].pk
        count.rows += len(batch)
        progress(len(batch))


def _one(protected: Protected, row: Model, count: Count, *, dry_run: bool) -> None:
    anew = {}
    for name, value in protected.read(row).items():
        if is_under_first_key(value):
            count.current += 1
            continue
        try:
            anew[name] = encrypt_anew(value)
        except UndecryptableError:
            count.undecryptable += 1
        else:
            count.anew += 1
    if anew and not dry_run:
        row.save(update_fields=protected.write(row, anew))
