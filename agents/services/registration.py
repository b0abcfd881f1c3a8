"""How an agent comes into the registry: pending, with an API key that is shown once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.configuration import DEFAULTS, FIELDS, configuration_of, configuration_problems, warnings_of
from agents.errors import AgentNameTakenError, invalid_public_key
from agents.ledger_entries import key_data, record
from agents.models import Agent, AgentRuntime, PublicKey
from agents.services.access_scope import access_scope_problems
from agents.services.api_keys import make_api_key
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event


@dataclass(frozen=True, slots=True)
class Registration:
    """The new agent, its API key in clear (here and never again), and what to look at twice."""

    agent: Agent
    api_key: str
    warnings: list[dict[str, str]]


def register_agent(
    actor: Actor,
    configuration: Mapping[str, Any],
    *,
    public_key: str | None = None,
    key_type: str | None = None,
    kept: bool = False,
) -> Registration:
    """Register an agent of the actor's organization. `kept`: it waited in a browser while AIM was away.

    `configuration` has the fields of `agents.configuration`; those with a default may be left out. Raises
    `InvalidInputError` with every problem, `AgentNameTakenError`.
    """
    actor.require(Permission.AGENTS_WRITE)
    complete = {field: configuration.get(field, DEFAULTS.get(field)) for field in FIELDS}
    problems = [*configuration_problems(complete), *access_scope_problems(actor, complete)]
    if complete["require_signature"] and not public_key:
        message = "Upload or paste a public key, or switch cryptographic verification off (require_signature)."
        problems.append(Problem("public_key", "required", message))
    info = None
    if public_key:
        # The search for weak keys takes its time, so it comes before the transaction.
        try:
            info = parse_public_key(public_key, declared_type=key_type)
        except InvalidPublicKeyError as error:
            problems += invalid_public_key(error).problems
    if problems:
        raise InvalidInputError(tuple(problems))
    return _register(actor, complete, info, kept=kept)


@transaction.atomic
def _register(
    actor: Actor, configuration: Mapping[str, Any], info: PublicKeyInfo | None, *, kept: bool
) -> Registration:
    if actor.organization_id is None:
        raise NotFoundError
    agent = Agent(organization_id=actor.organization_id, owner_id=actor.id, **configuration)
    save_agent(agent)
    AgentRuntime.objects.create(agent=agent, organization_id=agent.organization_id)
    key = make_public_key(actor, agent, info) if info else None
    api_key, secret = make_api_key(agent)
    record(
        actor,
        Event.AGENT_REGISTERED,
        agent=agent,
        data={
            "configuration": configuration_of(agent),
            "public_key": key_data(key) if key else None,
            "api_key": api_key.prefix,
            **({"kept": True} if kept else {}),
        },
    )
    return Registration(agent=agent, api_key=secret.text, warnings=warnings_of(configuration))


def save_agent(agent: Agent) -> None:
    """Write the row; the database decides which of two agents gets a name. Raises `AgentNameTakenError`."""
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError as error:
        if "agent_name_once_per_organization" in str(error):
            raise AgentNameTakenError from None
        raise


def make_public_key(actor: Actor, agent: Agent, info: PublicKeyInfo) -> PublicKey:
    """The row of a key that is yet to be proved."""
    return PublicKey.objects.create(
        agent=agent,
        key_type=info.key_type,
        bits=info.bits,
        pem=info.pem,
        fingerprint=info.fingerprint,
        thumbprint=info.thumbprint,
        proposed_by_id=actor.id,
    )
