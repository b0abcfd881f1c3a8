"""How an agent comes into the registry: pending, with an API key that is shown once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.configuration import DEFAULTS, FIELDS, configuration_of, configuration_problems, warnings_of
from agents.errors import AgentNameTakenError, IdempotencyKeyReusedError, invalid_public_key
from agents.idempotency import IdempotencyKey
from agents.ledger_entries import key_data, record
from agents.models import Agent, AgentRuntime, PublicKey
from agents.services.access_scope import access_scope_problems
from agents.services.api_keys import make_api_key
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event

LONGEST_IDEMPOTENCY_KEY: Final = 200


@dataclass(frozen=True, slots=True)
class Registration:
    """The new agent, its API key in clear (here and never again), and what to look at twice.

    `repeated`: the same request had registered it before, and the key, shown then, is empty now.
    """

    agent: Agent
    api_key: str
    warnings: list[dict[str, str]]
    repeated: bool = False


def register_agent(
    actor: Actor,
    configuration: Mapping[str, Any],
    *,
    public_key: str | None = None,
    key_type: str | None = None,
    kept: bool = False,
    idempotency_key: str = "",
) -> Registration:
    """Register an agent of the actor's organization. `kept`: it waited in a browser while AIM was away.

    `configuration` has the fields of `agents.configuration`; those with a default may be left out. The same request
    with the same `idempotency_key` answers the first one's agent. Raises `InvalidInputError` with every problem,
    `AgentNameTakenError`, `IdempotencyKeyReusedError`.
    """
    actor.require(Permission.AGENTS_WRITE)
    complete = {field: configuration.get(field, DEFAULTS.get(field)) for field in FIELDS}
    attempt = _Attempt.of(idempotency_key, complete, public_key)
    if attempt is not None and (earlier := attempt.earlier(actor)) is not None:
        return earlier
    problems = [*configuration_problems(complete), *access_scope_problems(actor, complete)]
    if complete["require_signature"] and not public_key:
        message = _("Upload or paste a public key, or switch cryptographic verification off (require_signature).")
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
    try:
        return _register(actor, complete, info, attempt, kept=kept)
    except (AgentNameTakenError, _KeyTakenError):
        # The same request may have come twice at once: whoever was first has committed by now.
        if attempt is not None and (earlier := attempt.earlier(actor)) is not None:
            return earlier
        raise


class _KeyTakenError(Exception):
    """Another request of the same person has taken the idempotency key meanwhile."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    key: str
    digest: bytes

    @classmethod
    def of(cls, key: str, configuration: Mapping[str, Any], public_key: str | None) -> "_Attempt | None":
        """None without a key. Raises `InvalidInputError` for one that is too long or holds what no header may."""
        if not key:
            return None
        if len(key) > LONGEST_IDEMPOTENCY_KEY or not key.isascii() or not key.isprintable():
            message = ngettext(
                "An Idempotency-Key is up to %(most)s printable ASCII character.",
                "An Idempotency-Key is up to %(most)s printable ASCII characters.",
                LONGEST_IDEMPOTENCY_KEY,
            ) % {"most": LONGEST_IDEMPOTENCY_KEY}
            raise InvalidInputError((Problem("idempotency_key", "invalid", message),))
        asked = json.dumps([dict(configuration), public_key], sort_keys=True, default=str)
        return cls(key, sha256(asked.encode("utf-8", "surrogatepass")).digest())

    def earlier(self, actor: Actor) -> Registration | None:
        """What the key has registered already. Raises `IdempotencyKeyReusedError` where that was another request."""
        if actor.organization_id is None or actor.id is None:
            return None
        mine = IdempotencyKey.objects.filter(organization_id=actor.organization_id, person_id=actor.id, key=self.key)
        found = mine.select_related("agent").first()
        if found is None:
            return None
        if bytes(found.digest) != self.digest:
            raise IdempotencyKeyReusedError
        return Registration(found.agent, "", warnings_of(configuration_of(found.agent)), repeated=True)

    def keep(self, actor: Actor, agent: Agent) -> None:
        if actor.id is None:
            return
        try:
            with transaction.atomic():
                IdempotencyKey.objects.create(
                    organization_id=agent.organization_id,
                    person_id=actor.id,
                    key=self.key,
                    digest=self.digest,
                    agent=agent,
                )
        except IntegrityError as error:
            if "idempotency_key_once_per_person" in str(error):
                raise _KeyTakenError from None
            raise


@transaction.atomic
def _register(
    actor: Actor,
    configuration: Mapping[str, Any],
    info: PublicKeyInfo | None,
    attempt: _Attempt | None,
    *,
    kept: bool,
) -> Registration:
    if actor.organization_id is None:
        raise NotFoundError
    agent = Agent(organization_id=actor.organization_id, owner_id=actor.id, **configuration)
    save_agent(agent)
    if attempt is not None:
        attempt.keep(actor, agent)
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
