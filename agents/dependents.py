"""How higher rooms learn, in the same transaction, that an agent may no longer act: agents import none of them."""

from collections.abc import Callable

from accounts.contracts import Actor
from agents.models import Agent

Dependent = Callable[[Actor, Agent], None]
_dependents: list[Dependent] = []


def register_dependent(dependent: Dependent) -> Dependent:
    """Have `dependent(actor, agent)` called inside the transaction that suspends or revokes. Call it in `ready()`."""
    if dependent not in _dependents:
        _dependents.append(dependent)
    return dependent


def tell_dependents(actor: Actor, agent: Agent) -> None:
    """Call it last: with the epoch raised, all decisions made before it are committed, and none can follow."""
    for dependent in _dependents:
        dependent(actor, agent)
