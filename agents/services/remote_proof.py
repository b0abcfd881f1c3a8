"""Proof of an agent's key by its verification URL: AIM posts the challenge there, and the agent answers by itself.

The protocol is that of MCP servers, see docs/mcp-server-identity.md: the statement's `url` is the verification URL.
"""

import json
from uuid import UUID

import msgspec
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.errors import ChallengeFailedError, ChallengeGoneError, NoVerificationUrlError
from agents.ledger_entries import key_data, record
from agents.models import Agent, Challenge
from agents.selectors import locked_agent
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from aim import clock
from aim.errors import InvalidInputError, Problem, ServiceError
from aim.ledger.events import Event
from aim.outbound.backend import RefusedError
from aim.outbound.entering import url_problems
from aim.outbound.lines import Line, UnreachableError

SECONDS = 20.0
_MOST_BYTES = 64 * 1024
_SUCCESS = 200
_LONGEST = 300


@transaction.atomic
def set_verification_url(actor: Actor, agent_id: UUID, *, url: str) -> Agent:
    """Set where the agent signs challenges, or forget it with an empty text. Raises `InvalidInputError`."""
    actor.require(Permission.AGENTS_KEYS)
    problems = [Problem("verification_url", "invalid", text) for text in url_problems(url)] if url else []
    if problems:
        raise InvalidInputError(tuple(problems))
    agent = locked_agent(actor, agent_id)
    if agent.verification_url != url:
        changes = {"verification_url": {"before": agent.verification_url, "after": url}}
        agent.verification_url = url
        agent.save(update_fields=["verification_url", "updated_at"])
        data = {"changes": changes, "config_version": agent.config_version}
        record(actor, Event.AGENT_UPDATED, agent=agent, data=data)
    return agent


@transaction.atomic
def start_remote_proof(actor: Actor, agent_id: UUID) -> Challenge:
    """Issue a challenge that a worker posts to the agent's verification URL. Raises `NoVerificationUrlError`."""
    actor.require(Permission.PROVE_KEY)
    agent = locked_agent(actor, agent_id)
    if not agent.verification_url:
        raise NoVerificationUrlError
    challenge = issue_challenge(actor, agent_id, url=agent.verification_url)
    transaction.on_commit(lambda: _tell_worker(challenge.id))
    return challenge


def ask_for_signature(challenge_id: UUID) -> Agent | None:
    """Post the challenge, once, and judge the answer; what went wrong is in the agent's history. None where it failed.

    A challenge that was answered before, or has expired, is left alone.
    """
    challenge = Challenge.objects.select_related("agent", "public_key").filter(id=challenge_id).first()
    if challenge is None or challenge.used_at is not None or challenge.expires_at <= clock.now():
        return None
    agent = challenge.agent
    label = "verification URL"
    actor = system_actor(agent.organization_id, label=label, permissions=frozenset({Permission.PROVE_KEY}))
    try:
        answer = _ask(agent.verification_url, challenge)
        return answer_challenge(actor, agent.id, challenge_id=challenge.id, answer=answer)
    except _NoSignatureError as reason:
        _fail(actor, challenge, str(reason))
    except (ChallengeFailedError, ChallengeGoneError):
        # On record already.
        return None
    except ServiceError as error:
        _fail(actor, challenge, error.message)
    return None


class _NoSignatureError(Exception):
    """There is nothing to judge, for the reason given."""


def _ask(url: str, challenge: Challenge) -> Answer:
    body = json.dumps({"challenge": challenge.statement, "keys": [challenge.public_key.thumbprint]}).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    try:
        with Line() as line:
            reply = line.call("POST", url, headers=headers, body=body, seconds=SECONDS, most_bytes=_MOST_BYTES)
    except (RefusedError, UnreachableError) as error:
        raise _NoSignatureError(f"Cannot reach verification endpoint. Check URL and network. {error}") from None
    if reply.status != _SUCCESS:
        raise _NoSignatureError(f"The verification endpoint answered {reply.status}.")
    try:
        found = msgspec.json.decode(reply.body)
        signature, algorithm = found["signature"], found.get("algorithm")
    except (msgspec.DecodeError, RecursionError, AttributeError, KeyError, TypeError):
        raise _NoSignatureError("The answer has no signature.") from None
    if not isinstance(signature, str) or not isinstance(algorithm, str | None):
        raise _NoSignatureError("The answer has no signature.")
    return Answer(signature, algorithm)


@transaction.atomic
def _fail(actor: Actor, challenge: Challenge, reason: str) -> None:
    """The challenge is used up by this, so that a second delivery asks nobody."""
    agent = locked_agent(actor, challenge.agent_id)
    if not Challenge.objects.filter(id=challenge.id, used_at=None).update(used_at=clock.now()):
        return
    shown = "".join(character if character.isprintable() else " " for character in reason)[:_LONGEST]
    data = {
        "challenge": challenge.id.hex,
        "public_key": key_data(challenge.public_key),
        "field": "verification_url",
        "reason": shown,
    }
    record(actor, Event.CHALLENGE_FAILED, agent=agent, data=data)


def _tell_worker(challenge_id: UUID) -> None:
    """Without a broker nobody asks: the challenge expires, and a person may begin another."""
    from agents.tasks import ask_for_signature as task  # noqa: PLC0415 - the task calls what this module defines

    try:
        task.apply_async((challenge_id.hex,), retry=False)
    except (OperationalError, OSError):
        return
