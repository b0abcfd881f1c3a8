"""Where conditions for auto-approval announce themselves, one file each. A kind is taken once and for ever."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from aim.resources.patterns import Scope

if TYPE_CHECKING:
    from verification.contracts import Case

Predicate = Callable[["Case"], bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions may know of the organization besides the request: our own tables, nothing that agents claim."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    roles: Mapping[str, str] = field(default_factory=dict)
    """The role of each member, by the shown id of the user."""
    data_classes: Mapping[str, Scope] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """`question` stands before a yes or no, `short` in the list of what was enough: decisions record both, in the
    language of the ledger. `sentence` is shown only, in the reader's.
    """

    kind: str
    question: str
    short: str
    problems: Callable[[Any], list[str]]
    compile: Callable[[Any, Facts], Predicate]
    sentence: Callable[[Any], str]


def any_of(names: Sequence[str]) -> str:
    return _(" or ").join(names)


_conditions: dict[str, Condition] = {}
CONDITIONS: Mapping[str, Condition] = MappingProxyType(_conditions)


def register(condition: Condition) -> Condition:
    """A kind used twice is a programming error and stops the start."""
    if condition.kind in _conditions:
        raise RuntimeError(f"Condition {condition.kind!r} is taken")
    _conditions[condition.kind] = condition
    return condition
