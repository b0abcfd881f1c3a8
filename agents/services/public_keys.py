"""The public key of an agent and its change: proof of the new key, and the old key's or a second admin's consent."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.contracts import Actor, ActorKind
from accounts.errors import PermissionDeniedError
from accounts.permissions import Permission
from agents.errors import KeyConflictError, TransitionRefusedError, invalid_public_key
from agents.ledger_entries import key_data, record
from agents.models import Agent, AgentStatus, PublicKey
from agents.selectors import locked_agent
from agents.services.registration import make_public_key
from agents.services.runtime import raise_epoch
from aim import clock
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import NotFoundError
from aim.ledger.events import Event

OPEN = (PublicKey.Status.UNPROVED, PublicKey.Status.PROVED)
# What a key may be that cannot be confirmed, for whoever translates the refusal.
_OTHERWISE = (gettext_noop("unproved"), gettext_noop("active"), gettext_noop("retired"))


def has_open_key(agent: Agent) -> bool:
    """Whether a key of the agent waits for its proof or for a second admin; from its prefetched keys where they are."""
    return any(key.status in OPEN for key in agent.public_keys.all())


def propose_public_key(actor: Actor, agent_id: UUID, *, public_key: str, key_type: str | None = None) -> PublicKey:
    """A key that changes nothing until it is proved and agreed to. It takes the place of an earlier proposal.

    Raises `InvalidInputError`, `KeyConflictError`, `TransitionRefusedError`.
    """
    actor.require(Permission.AGENTS_KEYS)
    try:
        info = parse_public_key(public_key, declared_type=key_type)
    except InvalidPublicKeyError as error:
        raise invalid_public_key(error) from None
    return _propose(actor, agent_id, info)


@transaction.atomic
def _propose(actor: Actor, agent_id: UUID, info: PublicKeyInfo) -> PublicKey:
    agent = locked_agent(actor, agent_id)
    if agent.status == AgentStatus.REVOKED:
        raise TransitionRefusedError(agent.status, "given a key")
    if agent.public_keys.filter(status=PublicKey.Status.ACTIVE, thumbprint=info.thumbprint).exists():
        raise KeyConflictError(_("This is the agent's active key already."))
    replaced = list(agent.public_keys.filter(status__in=OPEN))
    for key in replaced:
        _retire(key)
    key = make_public_key(actor, agent, info)
    data = {"public_key": key_data(key), "replaced": [key_data(old) for old in replaced]}
    record(actor, Event.PUBLIC_KEY_PROPOSED, agent=agent, data=data)
    return key


@transaction.atomic
def confirm_public_key(actor: Actor, agent_id: UUID, *, key_id: UUID) -> Agent:
    """The consent of a second admin, where the old key could not sign: another person than the one who proposed it."""
    actor.require(Permission.AGENTS_ATTEST)
    agent = locked_agent(actor, agent_id)
    key = agent.public_keys.filter(id=key_id).first()
    if key is None:
        raise NotFoundError
    if actor.kind != ActorKind.PERSON:
        raise PermissionDeniedError(Permission.AGENTS_ATTEST)
    if key.status != PublicKey.Status.PROVED:
        raise KeyConflictError(
            _("Only a proved key can be confirmed; this one is %(status)s.") % {"status": _(key.status)}
        )
    if key.proposed_by_id is None or key.proposed_by_id == actor.id:
        raise KeyConflictError(_("A second admin must confirm the key: another person than the one who proposed it."))
    retired = activate(key)
    data = {"public_key": key_data(key), "retired": key_data(retired) if retired else None, "agreed": "second_admin"}
    record(actor, Event.PUBLIC_KEY_ACTIVATED, agent=agent, data=data)
    raise_epoch(agent)
    return agent


def active_key(agent: Agent) -> PublicKey | None:
    return agent.public_keys.filter(status=PublicKey.Status.ACTIVE).first()


def activate(key: PublicKey) -> PublicKey | None:
    """Make it the one active key, in the caller's transaction; answers the key it replaces."""
    old = active_key(key.agent)
    if old:
        _retire(old)
    key.status = PublicKey.Status.ACTIVE
    key.proved_at = key.proved_at or clock.now()
    key.save(update_fields=["status", "proved_at"])
    return old


def _retire(key: PublicKey) -> None:
    key.status = PublicKey.Status.RETIRED
    key.retired_at = clock.now()
    key.save(update_fields=["status", "retired_at"])
