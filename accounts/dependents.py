"""How higher rooms learn, in the same transaction, that people's access has changed: accounts import none of them."""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID


class AccessChange(StrEnum):
    ORGANIZATION = "organization"
    """The organization was enabled or disabled: everything in it is concerned."""
    PEOPLE = "people"
    """A membership or a team changed: whatever depends on who belongs where is concerned."""


Dependent = Callable[[UUID, AccessChange], None]
_dependents: list[Dependent] = []


def register_dependent(dependent: Dependent) -> Dependent:
    """Have `dependent(organization_id, change)` called inside the transaction of each change. Call it in `ready()`."""
    if dependent not in _dependents:
        _dependents.append(dependent)
    return dependent


def tell_dependents(organization_id: UUID, change: AccessChange) -> None:
    """Call it last, after the rows are written, so that the dependents' locks are held as briefly as possible."""
    for dependent in _dependents:
        dependent(organization_id, change)
