"""The same change for many agents. Each is a change of its own, with its own entry; one refusal stops no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from accounts.contracts import Actor
from agents.models import Agent
from agents.services.lifecycle import check_reason
from aim.errors import ConflictError, NotFoundError

MOST = 500


class Change(Protocol):
    def __call__(self, actor: Actor, agent_id: UUID, *, reason: str) -> Agent: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused` are agents whose state does not allow it, or that are gone, each with the sentence that says so."""

    changed: list[Agent]
    refused: list[tuple[UUID, str]]


def change_agents(actor: Actor, agent_ids: Sequence[UUID], *, change: Change, reason: str) -> Outcome:
    """Raises `InvalidInputError` and `PermissionDeniedError` before anything is changed."""
    check_reason(reason)
    outcome = Outcome([], [])
    for agent_id in dict.fromkeys(agent_ids):
        try:
            outcome.changed.append(change(actor, agent_id, reason=reason))
        except (ConflictError, NotFoundError) as refusal:
            outcome.refused.append((agent_id, refusal.message))
    return outcome
