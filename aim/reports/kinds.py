"""The kinds of reports that there are. A room registers its own; the worker asks it for what is to be said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aim.reports.documents import Document
from aim.reports.models import Report

Tell = Callable[[int, str], None]
"""How far it is in per cent of the gathering, and what is done now."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The same content twice: to be laid out, and as JSON. `name` is the stem of the file's name."""

    document: Document
    data: Mapping[str, Any]
    name: str


@dataclass(frozen=True, slots=True)
class ReportKind:
    """`gather` reads everything; `made` is called in the transaction that keeps the finished file.

    `permission` is held by whoever may fetch what was made.
    """

    name: str
    permission: str
    gather: Callable[[Report, Tell], Gathered]
    made: Callable[[Report], None]


_kinds: dict[str, ReportKind] = {}


def register_kind(kind: ReportKind) -> ReportKind:
    """Call it in `ready()`. A name that is taken raises."""
    if kind.name in _kinds:
        raise ValueError(f"There is a kind of report {kind.name} already")
    _kinds[kind.name] = kind
    return kind


def kind_named(name: str) -> ReportKind:
    return _kinds[name]
