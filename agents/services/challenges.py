"""Proof of a private key: a statement that names everything it is for, signed once, within minutes."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.errors import ChallengeFailedError, ChallengeGoneError, NoKeyToProveError
from agents.ledger_entries import key_data, record
from agents.models import Agent, AgentStatus, Challenge, PublicKey, VerificationMethod
from agents.selectors import locked_agent
from agents.services.lifecycle import Transition, check_transition
from agents.services.public_keys import activate, active_key
from agents.services.runtime import raise_epoch
from agents.services.trust import start_trust
from aim import clock
from aim.crypto.challenges import build_statement, verify_statement_signature
from aim.crypto.verifiers import Verifier
from aim.errors import NotFoundError
from aim.ids import IdKind, show_id, uuid7
from aim.ledger.events import Event
from aim.outbound.problems import KEY_DOES_NOT_MATCH, ErrorCode

LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """Signatures of the statement in base64: by the key to be proved and, for a change of keys, by the active one."""

    signature: str
    algorithm: str | None = None
    active_key_signature: str | None = None
    active_key_algorithm: str | None = None


@transaction.atomic
def issue_challenge(actor: Actor, agent_id: UUID, *, url: str | None = None, again: bool = False) -> Challenge:
    """For the key that waits to be proved, or `again` for the active one of an agent that was verified before.

    `url` is the agent's verification URL, where AIM asks there for the signature: the statement then names it.
    Raises `NoKeyToProveError`, `TransitionRefusedError`.
    """
    actor.require(Permission.PROVE_KEY)
    agent = locked_agent(actor, agent_id)
    key = _key_to_prove_again(agent) if again else _key_to_prove(agent)
    now = clock.now()
    challenge_id = uuid7()
    statement = build_statement(
        audience=settings.ORIGIN,
        organization_id=show_id(IdKind.ORGANIZATION, agent.organization_id),
        subject_id=agent.public_id,
        url=url,
        nonce=secrets.token_urlsafe(32),
        issued=now,
        expires=now + LIFETIME,
    )
    challenge = Challenge.objects.create(
        id=challenge_id, agent=agent, public_key=key, statement=statement, expires_at=now + LIFETIME
    )
    data = {"challenge": challenge_id.hex, "public_key": key_data(key), "expires_at": clock.show_time(now + LIFETIME)}
    record(actor, Event.CHALLENGE_ISSUED, agent=agent, data=data)
    return challenge


def answer_challenge(actor: Actor, agent_id: UUID, *, challenge_id: UUID, answer: Answer) -> Agent:
    """Judge the answer. A pending agent is verified by it; for others see `agents.services.public_keys`.

    A wrong answer uses the challenge up and is on record before `ChallengeFailedError` is raised.
    """
    actor.require(Permission.PROVE_KEY)
    with transaction.atomic():
        agent, wrong = _judge(actor, agent_id, challenge_id, answer)
    if wrong:
        raise ChallengeFailedError(wrong)
    return agent


def _judge(actor: Actor, agent_id: UUID, challenge_id: UUID, answer: Answer) -> tuple[Agent, str | None]:
    """The agent, and the field that holds a wrong signature where there is one."""
    agent = locked_agent(actor, agent_id)
    challenge = (
        agent.challenges.select_for_update(of=("self",)).select_related("public_key").filter(id=challenge_id).first()
    )
    if challenge is None:
        raise NotFoundError
    _check_usable(challenge)
    key, active = challenge.public_key, active_key(agent)
    _check_status(agent)
    wrong = _wrong_signature(challenge.statement, key, active, answer)
    challenge.used_at = clock.now()
    if wrong:
        challenge.error_code, challenge.error = ErrorCode.SIGNATURE_INVALID.value, KEY_DOES_NOT_MATCH
    challenge.save(update_fields=["used_at", "error_code", "error"])
    if wrong:
        data = {"challenge": challenge.id.hex, "public_key": key_data(key), "field": wrong}
        record(actor, Event.CHALLENGE_FAILED, agent=agent, data=data)
        return agent, wrong
    if key.status == PublicKey.Status.ACTIVE:
        _prove_again(actor, agent, key, challenge)
    elif agent.status == AgentStatus.PENDING:
        _verify(actor, agent, key, challenge)
    elif active and answer.active_key_signature:
        _replace(actor, agent, key)
    else:
        _prove(actor, agent, key, challenge)
    return agent, None


def _key_to_prove(agent: Agent) -> PublicKey:
    _check_status(agent)
    key = agent.public_keys.filter(status=PublicKey.Status.UNPROVED).first()
    if key:
        return key
    if agent.status == AgentStatus.PENDING:
        raise NoKeyToProveError(_("The agent has no public key. Propose one, or have an admin attest the agent."))
    raise NoKeyToProveError(_("The agent has no key that waits to be proved; propose a new one to change keys."))


def _key_to_prove_again(agent: Agent) -> PublicKey:
    _check_status(agent)
    key = active_key(agent)
    if key is None:
        raise NoKeyToProveError(_("The agent has no active key. It was attested, or waits for its first proof."))
    return key


def _check_status(agent: Agent) -> None:
    # Who was verified once may change keys, even while suspended; everybody else is here to be verified.
    if agent.verified_at is None or agent.status == AgentStatus.REVOKED:
        check_transition(agent, Transition.VERIFY)


def _check_usable(challenge: Challenge) -> None:
    if challenge.used_at:
        raise ChallengeGoneError(_("The challenge was answered before. Request a new one."))
    if challenge.expires_at <= clock.now():
        raise ChallengeGoneError(_("The challenge has expired. Request a new one."))
    if challenge.public_key.status not in {PublicKey.Status.UNPROVED, PublicKey.Status.ACTIVE}:
        raise ChallengeGoneError(
            _("The challenge is about a key that was replaced or proved since. Request a new one.")
        )


def _wrong_signature(statement: str, key: PublicKey, active: PublicKey | None, answer: Answer) -> str | None:
    if not verify_statement_signature(Verifier.from_pem(key.pem), statement, answer.signature, answer.algorithm):
        return "signature"
    offered = answer.active_key_signature
    if offered is not None and (
        active is None
        or not verify_statement_signature(
            Verifier.from_pem(active.pem), statement, offered, answer.active_key_algorithm
        )
    ):
        return "active_key_signature"
    return None


def _verify(actor: Actor, agent: Agent, key: PublicKey, challenge: Challenge) -> None:
    activate(key)
    agent.status = AgentStatus.VERIFIED
    agent.status_reason = ""
    agent.verified_at = clock.now()
    agent.verification_method = VerificationMethod.CHALLENGE
    agent.save(update_fields=["status", "status_reason", "verified_at", "verification_method", "updated_at"])
    data = {"challenge": challenge.id.hex, "public_key": key_data(key), "trust_score": 100}
    entry = record(actor, Event.AGENT_VERIFIED, agent=agent, data=data)
    start_trust(agent, entry)
    raise_epoch(agent)


def _prove_again(actor: Actor, agent: Agent, key: PublicKey, challenge: Challenge) -> None:
    """The agent still holds its key. Nothing else changes: what it may do is for people and for its trust to say."""
    key.proved_at = clock.now()
    key.save(update_fields=["proved_at"])
    record(
        actor, Event.AGENT_REVERIFIED, agent=agent, data={"challenge": challenge.id.hex, "public_key": key_data(key)}
    )


def _replace(actor: Actor, agent: Agent, key: PublicKey) -> None:
    retired = activate(key)
    data = {"public_key": key_data(key), "retired": key_data(retired) if retired else None, "agreed": "active_key"}
    record(actor, Event.PUBLIC_KEY_ACTIVATED, agent=agent, data=data)
    raise_epoch(agent)


def _prove(actor: Actor, agent: Agent, key: PublicKey, challenge: Challenge) -> None:
    """The new key is held; whether it may be the agent's is for a second admin to say."""
    key.status = PublicKey.Status.PROVED
    key.proved_at = clock.now()
    key.save(update_fields=["status", "proved_at"])
    data = {"challenge": challenge.id.hex, "public_key": key_data(key)}
    record(actor, Event.PUBLIC_KEY_PROVED, agent=agent, data=data)
