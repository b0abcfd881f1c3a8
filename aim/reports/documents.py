"""A report as blocks, before it is laid out: what a room says, and nothing of how it looks."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    rows: list[Fact]


@dataclass(frozen=True, slots=True)
class Table:
    """`shares` are the columns' parts of the width; the columns named in `mono` are set in a fixed pitch."""

    heads: list[str]
    rows: list[list[str]]
    shares: list[float]
    mono: frozenset[int] = frozenset()
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`passed` is None where nothing has been measured."""

    label: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    rows: list[Check]


@dataclass(frozen=True, slots=True)
class Score:
    value: int
    most: int
    words: str
    parts: list[tuple[str, int, int]] = field(default_factory=list)


Block = Heading | Text | Facts | Table | Checks | Score


@dataclass(frozen=True, slots=True)
class Document:
    """`organization` stands at the head of each page, `id` at its foot; times in blocks are written by the room."""

    title: str
    subtitle: str
    organization: str
    id: str
    made_at: datetime
    made_by: str
    blocks: list[Block]
