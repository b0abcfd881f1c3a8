"""Changes of an agent's configuration: each is a version, with before and after of every field."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.configuration import FIELDS, configuration_of, configuration_problems
from agents.errors import TransitionRefusedError
from agents.ledger_entries import record
from agents.models import Agent, AgentStatus, PublicKey
from agents.selectors import locked_agent
from agents.services.access_scope import access_scope_problems
from agents.services.registration import save_agent
from agents.services.runtime import raise_epoch
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event


@transaction.atomic
def update_agent(actor: Actor, agent_id: UUID, *, changes: Mapping[str, Any]) -> Agent:
    """Change the given fields of `agents.configuration`; nothing is recorded where none of them differs."""
    actor.require(Permission.AGENTS_WRITE)
    agent = locked_agent(actor, agent_id)
    if agent.status == AgentStatus.REVOKED:
        raise TransitionRefusedError(agent.status, "changed")
    before = configuration_of(agent)
    after = {**before, **changes}
    _check(actor, agent, after)
    differing = {
        field: {"before": before[field], "after": after[field]} for field in FIELDS if before[field] != after[field]
    }
    if not differing:
        return agent
    for field in differing:
        setattr(agent, field, after[field])
    agent.config_version += 1
    save_agent(agent)
    data = {"changes": differing, "config_version": agent.config_version}
    record(actor, Event.AGENT_UPDATED, agent=agent, data=data)
    raise_epoch(agent)
    return agent


def _check(actor: Actor, agent: Agent, configuration: Mapping[str, Any]) -> None:
    problems = [*configuration_problems(configuration), *access_scope_problems(actor, configuration)]
    if configuration["require_signature"] and not agent.public_keys.exclude(status=PublicKey.Status.RETIRED).exists():
        message = _("The agent has no public key yet: propose one first (POST /api/v1/agents/{id}/keys).")
        problems.append(Problem("require_signature", "no_public_key", message))
    if problems:
        raise InvalidInputError(tuple(problems))
