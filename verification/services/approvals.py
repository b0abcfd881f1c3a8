"""Deciding what waits: agree, deny, withdraw. Each is one transaction with one entry, in the order of locks of `held`.

A request that has expired, or that a check denies now, is settled as that, and the answer says so: the caller compares
the status. Nothing of it is raised, for that would roll its record back.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, ngettext

from accounts.contracts import Actor, ActorKind
from accounts.permissions import Permission
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event
from aim.resources.patterns import compile_scope, validate_pattern
from aim.resources.resource import normalize_resource
from aim.resources.text import HostileResourceError
from verification.approvals.eligibility import Voter, are_met, refusal_of
from verification.approvals.errors import (
    AlreadySettledError,
    AlreadyVotedError,
    NotAnApproverError,
    NothingToWithdrawError,
)
from verification.approvals.held import Held, hold
from verification.approvals.models import Approval, ApprovalVote
from verification.approvals.rechecking import ask_again
from verification.approvals.requirements import stored
from verification.approvals.selectors import approval_by_id, approval_of
from verification.approvals.settling import EXPIRED, LONGEST_NOTE, Settlement, record, settle
from verification.approvals.voters import AGENT, agreeing, voter_of
from verification.codes import Code
from verification.contracts import Failed
from verification.policies.results import ApprovalRequirement
from verification.selectors import own_verification
from verification.services.grants import create_grant

_Mode, _Status = ApprovalVote.Mode, Approval.Status
SHORTEST_GRANT, LONGEST_GRANT, USUAL_GRANT = 60, 8 * 3600, 3600


@dataclass(frozen=True, slots=True)
class Terms:
    """How far the agreement goes: this once, or `seconds` long for the same action on the resource or `pattern`."""

    mode: str = _Mode.ONCE
    seconds: int | None = None
    pattern: str = ""


ONCE = Terms()


@transaction.atomic
def approve_request(actor: Actor, approval_id: UUID, *, terms: Terms = ONCE, note: str = "") -> Approval:
    """Agree. The request is approved once every requirement has its number of voices, by those who have one today.

    Raises `NotAnApproverError`, `AlreadyVotedError`, `AlreadySettledError`, `InvalidInputError`.
    """
    actor.require(Permission.APPROVALS_DECIDE)
    held = hold(approval_by_id(actor, approval_id))
    voter = _voter(actor)
    requirements = held.requirements
    if (reason := refusal_of(requirements, voter, held.asker(requirements))) is not None:
        raise NotAnApproverError(reason)
    _check_open(held, voter)
    _check_terms(held, terms, note)
    if _ended_by_itself(actor, held):
        return held.approval
    _vote(held, voter, terms, note=note)
    if not _is_agreed(held):
        held.approval.save(update_fields=["requirements"])
        record(actor, Event.APPROVAL_VOTED, held, note=note)
        return held.approval
    _approve(actor, held, note)
    return held.approval


@transaction.atomic
def deny_request(actor: Actor, approval_id: UUID, *, note: str) -> Approval:
    """Any one who may decide ends it: a denial needs no majority. The agent is told the note.

    An agent may deny what asks it. Raises `NotAnApproverError`, `AlreadySettledError`, `InvalidInputError`.
    """
    actor.require(Permission.APPROVALS_DECIDE)
    held = hold(approval_by_id(actor, approval_id))
    voter = _voter(actor)
    if voter.kind == AGENT and not any(voter.public_id in one.agents for one in held.requirements):
        raise NotAnApproverError(gettext("You are not among those who may decide this request."))
    if not held.is_pending:
        raise AlreadySettledError(held.approval, _settled_by(held))
    if not note.strip() or len(note) > LONGEST_NOTE:
        sentence = ngettext(
            "Say why, in at most %(most)s character.", "Say why, in at most %(most)s characters.", LONGEST_NOTE
        )
        raise InvalidInputError((_problem("note", sentence % {"most": LONGEST_NOTE}),))
    if held.is_late:
        settle(actor, held, Settlement(_Status.EXPIRED, EXPIRED))
        return held.approval
    ApprovalVote.objects.update_or_create(
        approval=held.approval,
        voter_kind=voter.kind,
        voter_id=voter.id,
        defaults={
            "voter_label": voter.label,
            "agrees": False,
            "mode": _Mode.ONCE,
            "note": note,
            "voted_at": held.now,
        },
    )
    refusal = Failed(Code.APPROVAL_DENIED, f"Approval denied: {note.strip()}")
    settle(actor, held, Settlement(_Status.DENIED, refusal, note=note))
    return held.approval


@transaction.atomic
def withdraw_approval(actor: Actor, approval_id: UUID, *, note: str = "") -> Approval:
    """Take back an approval that is not used yet. Raises `NothingToWithdrawError`."""
    actor.require(Permission.APPROVALS_DECIDE)
    held = hold(approval_by_id(actor, approval_id))
    if actor.kind is not ActorKind.PERSON or not held.is_usable:
        raise NothingToWithdrawError
    _withdraw(actor, held, note)
    return held.approval


@transaction.atomic
def withdraw_own_request(actor: Actor, verification_id: UUID, *, note: str = "") -> None:
    """The agent does not want it any more. Raises `NotFoundError`, `NothingToWithdrawError`."""
    actor.require(Permission.VERIFY_ACTIONS)
    approval = approval_of(own_verification(actor, verification_id).id)
    if approval is None:
        raise NothingToWithdrawError
    held = hold(approval)
    if held.is_late:
        settle(actor, held, Settlement(_Status.EXPIRED, EXPIRED))
    elif held.is_pending or held.is_usable:
        _withdraw(actor, held, note)
    else:
        raise NothingToWithdrawError


def _withdraw(actor: Actor, held: Held, note: str) -> None:
    if len(note) > LONGEST_NOTE:
        raise InvalidInputError((_too_long_note(),))
    refusal = Failed(Code.APPROVAL_DENIED, "Approval withdrawn")
    settle(actor, held, Settlement(_Status.WITHDRAWN, refusal, note=note))


def approve_outright(actor: Actor, held: Held, *, terms: Terms, note: str) -> None:
    """Approve by the word of one person alone, whomever the rule names; for breaking a circle of waiting agents.

    Not by whom the agent acts for, nor by its owner where the rule says so. Who wrote the rule may: whoever may do this
    could take the rule back as well. The caller has checked the right to it.
    """
    voter = _voter(actor)
    asker = held.asker(held.requirements)
    for one in held.requirements:
        alone = ApprovalRequirement(users=(voter.public_id,), exclude_owner=one.exclude_owner)
        if (reason := refusal_of([alone], voter, asker)) is not None:
            raise NotAnApproverError(reason)
    _check_open(held, voter)
    _check_terms(held, terms, note)
    if _ended_by_itself(actor, held):
        return
    _vote(held, voter, terms, note=note)
    _approve(actor, held, note, outright=True)


def _voter(actor: Actor) -> Voter:
    voter = voter_of(actor)
    if voter is None:
        raise NotAnApproverError(gettext("Only a verified agent, or an active person who may decide, has a voice."))
    return voter


def _check_open(held: Held, voter: Voter) -> None:
    if not held.is_pending:
        raise AlreadySettledError(held.approval, _settled_by(held))
    if ApprovalVote.objects.filter(approval=held.approval, voter_kind=voter.kind, voter_id=voter.id).exists():
        raise AlreadyVotedError


def _settled_by(held: Held) -> str:
    votes = ApprovalVote.objects.filter(approval=held.approval)
    decisive = votes.filter(agrees=held.approval.status == _Status.APPROVED)
    return ", ".join(decisive.values_list("voter_label", flat=True))


def _check_terms(held: Held, terms: Terms, note: str) -> None:
    problems = []
    if len(note) > LONGEST_NOTE:
        problems.append(_too_long_note())
    if terms.mode not in _Mode.values:
        problems.append(_problem("mode", gettext("Choose one of %(choices)s.") % {"choices": ", ".join(_Mode.values)}))
    if terms.mode == _Mode.ONCE and (terms.seconds is not None or terms.pattern):
        problems.append(_problem("mode", gettext('seconds and resource go with "mode": "for".')))
    if terms.seconds is not None and not SHORTEST_GRANT <= terms.seconds <= LONGEST_GRANT:
        message = ngettext(
            "From %(least)s to %(most)s second, which is eight hours.",
            "From %(least)s to %(most)s seconds, which is eight hours.",
            LONGEST_GRANT,
        ) % {"least": SHORTEST_GRANT, "most": LONGEST_GRANT}
        problems.append(_problem("seconds", message))
    if terms.pattern:
        problems += [_problem("resource", text) for text in _pattern_problems(held, terms.pattern)]
    if problems:
        raise InvalidInputError(tuple(problems))


def _pattern_problems(held: Held, pattern: str) -> list[str]:
    if found := validate_pattern(pattern):
        return found
    try:
        place = normalize_resource(held.verification.resource)
    except HostileResourceError as error:
        return [str(error)]
    if compile_scope([pattern]).allows(place):
        return []
    return [gettext("The pattern does not match the resource asked for.")]


def _ended_by_itself(actor: Actor, held: Held) -> bool:
    """Settle what has expired and what a check denies now; take in what must be agreed to beyond what was asked."""
    if held.is_late:
        settle(actor, held, Settlement(_Status.EXPIRED, EXPIRED))
        return True
    ruling = ask_again(held.approval, held.verification)
    if ruling.refusal is not None:
        settle(actor, held, Settlement(_Status.DENIED, ruling.refusal))
        return True
    # A rule that came or was sharpened meanwhile must be met as well.
    held.approval.requirements = stored(tuple(dict.fromkeys((*held.requirements, *ruling.requirements))))
    return False


def _vote(held: Held, voter: Voter, terms: Terms, *, note: str) -> None:
    ApprovalVote.objects.create(
        approval=held.approval,
        voter_kind=voter.kind,
        voter_id=voter.id,
        voter_label=voter.label,
        agrees=True,
        mode=terms.mode,
        seconds=(terms.seconds or USUAL_GRANT) if terms.mode == _Mode.FOR else None,
        pattern=terms.pattern,
        note=note,
        voted_at=held.now,
    )


def _is_agreed(held: Held) -> bool:
    requirements = held.requirements
    _, voters = agreeing(held.approval)
    return are_met(requirements, voters, held.asker(requirements))


def _approve(actor: Actor, held: Held, note: str, *, outright: bool = False) -> None:
    votes, _ = agreeing(held.approval)
    if outright:
        votes = [vote for vote in votes if vote.voter_id == actor.id]
    grant = create_grant(held, votes) if all(vote.mode == _Mode.FOR for vote in votes) else None
    settlement = Settlement(_Status.APPROVED, None, settings.APPROVAL_SECONDS, note, grant)
    settle(actor, held, settlement)


def _too_long_note() -> Problem:
    sentence = ngettext("At most %(most)s character.", "At most %(most)s characters.", LONGEST_NOTE)
    return _problem("note", sentence % {"most": LONGEST_NOTE})


def _problem(field: str, message: str) -> Problem:
    return Problem(field, "invalid", message)
