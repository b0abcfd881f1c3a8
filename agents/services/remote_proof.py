"""Proof of an agent's key by its verification URL: AIM posts the challenge there, and the agent answers by itself.

The protocol is that of MCP servers, see docs/mcp-server-identity.md: the statement's `url` is the verification URL. The
steps are kept in the challenge at each change, so that page and API can follow them.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet
from kombu.exceptions import OperationalError

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.errors import ChallengeFailedError, ChallengeGoneError, NoVerificationUrlError
from agents.ledger_entries import key_data, record
from agents.models import Agent, AgentStatus, Challenge, PublicKey
from agents.selectors import locked_agent
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from aim import clock
from aim.errors import InvalidInputError, Problem, ServiceError
from aim.ledger.events import Event
from aim.ledger.language import language_of_the_ledger
from aim.outbound.asking import ask_to_sign
from aim.outbound.entering import url_problems
from aim.outbound.lines import Line, Reply
from aim.outbound.problems import CANNOT_REACH_ENDPOINT, KEY_DOES_NOT_MATCH, ErrorCode, ProbeError, problem_of
from aim.outbound.steps import Name, Progress, Skipped, Step, steps_of

log = structlog.get_logger("aim.agents")
SECONDS = 20.0
_MOST_SECONDS = 60.0
# The rest is found by whoever is through with one of these.
_TOLD_AGAIN_AFTER = timedelta(seconds=20)
_TOLD_AT_ONCE = 8
_STEPS = (Name.CONNECT, Name.TLS, Name.CHALLENGE, Name.SIGNATURE)
_CONNECT = "Connect to verification endpoint"
_BROKE = "AIM could not carry it out."
_Result = TypeVar("_Result")


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
def start_remote_proof(actor: Actor, agent_id: UUID, *, again: bool = False, here: bool = False) -> Challenge:
    """Issue a challenge that a worker posts to the agent's verification URL.

    It is for the key that waits to be proved; where none does, or with `again`, for the active key of an agent that was
    verified before. With `here` the caller posts it, by `ask_claimed`, and no worker does.
    Raises `NoVerificationUrlError`, `NoKeyToProveError`, `TransitionRefusedError`.
    """
    actor.require(Permission.PROVE_KEY)
    agent = locked_agent(actor, agent_id)
    if not agent.verification_url:
        raise NoVerificationUrlError
    waits = agent.public_keys.filter(status=PublicKey.Status.UNPROVED).exists()
    again = again or (not waits and agent.status != AgentStatus.PENDING)
    challenge = issue_challenge(actor, agent_id, url=agent.verification_url, again=again)
    challenge.steps = Progress(steps_of(_STEPS, connect=_CONNECT), lambda _steps: None).shown()
    challenge.asked_at = clock.now() if here else None
    challenge.save(update_fields=["steps", "asked_at"])
    if not here:
        transaction.on_commit(lambda: _tell_worker(challenge.id))
    return challenge


def next_waiting() -> UUID | None:
    """The challenge that has waited longest for a worker to post it."""
    return _waiting().order_by("expires_at").values_list("id", flat=True).first()


def tend_proofs() -> int:
    """Tell the workers again of some that still wait; answers of how many."""
    forgotten = _waiting().filter(created_at__lt=clock.now() - _TOLD_AGAIN_AFTER).order_by("expires_at")
    told = list(forgotten.values_list("id", flat=True)[:_TOLD_AT_ONCE])
    for challenge_id in told:
        _tell_worker(challenge_id)
    return len(told)


def _waiting() -> QuerySet[Challenge]:
    """Nobody has asked at the verification URL yet, and it is not too late to."""
    return Challenge.objects.filter(used_at=None, asked_at=None, expires_at__gt=clock.now()).exclude(steps=[])


def proof_state(challenge: Challenge) -> str:
    """How far the proof of a challenge is: waiting, running, succeeded, failed or expired."""
    if challenge.used_at is not None:
        wrong = challenge.error or any(step["result"] != "passed" for step in challenge.steps[-1:])
        return "failed" if wrong else "succeeded"
    if challenge.expires_at <= clock.now():
        return "expired"
    return "running" if challenge.asked_at else "waiting"


def ask_for_signature(challenge_id: UUID) -> Agent | None:
    """Post the challenge, once; None where it failed.

    A challenge that was asked for or answered before, or has expired, is left alone.
    """
    if not _waiting().filter(id=challenge_id).update(asked_at=clock.now()):
        return None
    return ask_claimed(challenge_id)


def ask_claimed(challenge_id: UUID) -> Agent | None:
    """Post a challenge that is the caller's to post, and judge the answer; None where it failed.

    What went wrong is in the challenge and in the agent's history.
    """
    challenge = Challenge.objects.select_related("agent", "public_key").get(id=challenge_id)
    agent = challenge.agent
    permissions = frozenset({Permission.PROVE_KEY})
    actor = system_actor(agent.organization_id, label="verification URL", permissions=permissions)
    progress = Progress([Step(**step) for step in challenge.steps], lambda steps: _save(challenge, steps))
    try:
        return _ask(actor, challenge, progress)
    except ProbeError as error:
        _fail(actor, challenge, error)
        return None
    except Exception:
        # A fault of ours says nothing about the agent; the dialog must not look as if it went on for ever.
        log.exception("remote_proof_broke", challenge=challenge.id.hex)
        Challenge.objects.filter(id=challenge.id).update(error=_BROKE, used_at=clock.now())
        raise
    finally:
        _save(challenge, progress.shown())


def _ask(actor: Actor, challenge: Challenge, progress: Progress) -> Agent:
    url = challenge.agent.verification_url
    with Line(most_seconds=_MOST_SECONDS) as line:
        with progress.running(Name.CONNECT) as step:
            address = _guarded(lambda: line.connect(url, seconds=SECONDS))
            step.facts, step.detail = {"address": address}, f"Connected to {address}."
        with progress.running(Name.TLS) as step:
            if urlsplit(url).scheme == "http":
                raise Skipped("The agent is called without TLS, on this very machine.")
            shown = _guarded(lambda: line.shake_hands(url, seconds=SECONDS))
            step.facts, step.detail = {"version": shown.version, "cipher": shown.cipher}, f"{shown.version}."
        with progress.running(Name.CHALLENGE) as step:

            def call(*arguments: Any, **more: Any) -> Reply:
                return _guarded(lambda: line.call(*arguments, seconds=SECONDS, **more))

            step.facts = {"key": challenge.public_key.fingerprint, "expires_at": clock.show_time(challenge.expires_at)}
            signed = ask_to_sign(call, url, challenge.statement, [challenge.public_key.thumbprint])
            step.facts["response_ms"] = round(signed.seconds * 1000, 1)
            step.detail = "The agent has answered."
        with progress.running(Name.SIGNATURE) as step:
            agent = _judge(actor, challenge, Answer(signed.signature, signed.algorithm))
            step.facts = {"fingerprint": challenge.public_key.fingerprint}
            step.detail = f"Signed by {challenge.public_key.fingerprint[:23]}…"
    return agent


def _judge(actor: Actor, challenge: Challenge, answer: Answer) -> Agent:
    try:
        # Why it failed is recorded, in the language of the ledger: not in that of whoever has asked for the proof.
        with language_of_the_ledger():
            return answer_challenge(actor, challenge.agent_id, challenge_id=challenge.id, answer=answer)
    except ChallengeFailedError:
        raise ProbeError(ErrorCode.SIGNATURE_INVALID, text=KEY_DOES_NOT_MATCH) from None
    except ChallengeGoneError as error:
        raise ProbeError(ErrorCode.CHALLENGE_EXPIRED, text=error.message) from None
    except ServiceError as error:
        raise ProbeError(ErrorCode.SIGNATURE_INVALID, text=error.message) from None


def _guarded(act: Callable[[], _Result]) -> _Result:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - `problem_of` raises again what it does not know
        raise problem_of(error, unreachable=CANNOT_REACH_ENDPOINT) from None


def _save(challenge: Challenge, steps: list[dict[str, Any]]) -> None:
    Challenge.objects.filter(id=challenge.id).update(steps=steps)


@transaction.atomic
def _fail(actor: Actor, challenge: Challenge, error: ProbeError) -> None:
    """Say in the challenge why; it is used up by this. A wrong signature is in the agent's history already."""
    agent = locked_agent(actor, challenge.agent_id)
    rows = Challenge.objects.filter(id=challenge.id)
    rows.update(error_code=error.code.value, error=error.text)
    if not rows.filter(used_at=None).update(used_at=clock.now()):
        return
    data = {
        "challenge": challenge.id.hex,
        "public_key": key_data(challenge.public_key),
        "field": "verification_url",
        "reason": f"{error.text} {error.detail}".strip(),
    }
    record(actor, Event.CHALLENGE_FAILED, agent=agent, data=data)


def _tell_worker(challenge_id: UUID) -> None:
    """Without a broker it is posted after the next turn of beat."""
    from agents.tasks import ask_for_signature as task  # noqa: PLC0415 - the task calls what this module defines

    try:
        task.apply_async((challenge_id.hex,), retry=False)
    except (OperationalError, OSError):
        return
