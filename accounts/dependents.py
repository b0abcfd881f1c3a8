"""How higher rooms learn, in the same transaction, that people's access has changed: accounts import none of them."""

from collections.abc import Callable
from uuid import UUID

Dependent = Callable[[UUID], None]
_dependents: list[Dependent] = []


def register_dependent(dependent: Dependent) -> Dependent:
    """Have `dependent(organization_id)` called inside the transaction of each change. Call it in `ready()`."""
    if dependent not in _dependents:
        _dependents.append(dependent)
    return dependent


def tell_dependents(organization_id: UUID) -> None:
    """Call it last, after the rows are written and with the organization locked since the beginning."""
    for dependent in _dependents:
        dependent(organization_id)
