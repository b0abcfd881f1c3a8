"""Labels that rooms above put on a decision, each with the fact of its record that it stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verification.detail import Detail


@dataclass(frozen=True, slots=True)
class Tag:
    """A control of a framework that the decision is evidence for; `control` as the framework numbers it."""

    framework: str
    control: str
    title: str


@dataclass(frozen=True, slots=True)
class TagGroup:
    """The tags that one fact gives. `because` is a sentence in the reader's language that tells the fact."""

    name: str
    because: str
    tags: Sequence[Tag]


Source = Callable[["Detail"], list[TagGroup]]
_sources: list[Source] = []


def register_tags(source: Source) -> Source:
    """Call it in `ready()`: a function of the decision as it is recorded, which asks the database nothing."""
    _sources.append(source)
    return source


def tags_of(detail: "Detail") -> list[TagGroup]:
    return [group for source in _sources for group in source(detail)]
