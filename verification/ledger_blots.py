"""Where else clear values of entries are kept in this room, how they are erased there, and what leaves with a month."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, Subquery

from accounts.actors import system_actor
from agents.models import Agent
from agents.services.runtime import raise_epoch
from aim.ledger.archiving import register_remainder
from aim.ledger.erasure import register_blot
from aim.ledger.events import Event
from aim.ledger.models import Entry, Follower
from verification.approvals.models import Approval, ApprovalVote, Grant
from verification.approvals.selectors import database_now
from verification.behaviour.relearning import relearn
from verification.models import BehaviourProfile, ClassifiedDecision, Completion, Document, Verification
from verification.services.grants import end_grant

_OF_APPROVALS = [
    Event.APPROVAL_VOTED.value,
    Event.APPROVAL_APPROVED.value,
    Event.APPROVAL_DENIED.value,
    Event.APPROVAL_EXPIRED.value,
    Event.APPROVAL_WITHDRAWN.value,
    Event.APPROVAL_REVOKED.value,
]


def blot_decisions(entries: Collection[UUID]) -> int:
    """The digest goes as well: it could be guessed again from the resource and the parameters.

    The reason of a decision that people have settled repeats their note: it goes with the last entry about it.
    """
    last = Entry.objects.filter(subject_id=OuterRef("id"), kind__in=_OF_APPROVALS).order_by("-id")
    settled = Verification.objects.annotate(told=Subquery(last.values("id")[:1]))
    settled.filter(id__in=_approvals_of(entries), told__in=entries).update(reason="")
    return Verification.objects.filter(id__in=entries).update(
        resource="", user_id="", session_id="", request_digest=b""
    )


def blot_words(entries: Collection[UUID]) -> int:
    """The words by which a decision is searched for; they are not made again."""
    return Document.objects.filter(verification_id__in=entries).delete()[0]


def blot_classes(entries: Collection[UUID]) -> int:
    """What kind of data it was about would tell of the resource."""
    return ClassifiedDecision.objects.filter(verification_id__in=entries).delete()[0]


def blot_approvals(entries: Collection[UUID]) -> int:
    """Nothing more can be approved by a digest that is gone, which denies."""
    return Approval.objects.filter(id__in=entries).update(request_digest=b"")


def blot_votes(entries: Collection[UUID]) -> int:
    """Notes and patterns with the request, and with the entries that tell who agreed the names of those as well."""
    told = ApprovalVote.objects.filter(approval_id__in=_approvals_of(entries)).update(
        note="", pattern="", voter_label=""
    )
    return told + ApprovalVote.objects.filter(approval_id__in=entries).exclude(note="", pattern="").update(
        note="", pattern=""
    )


def blot_grants(entries: Collection[UUID]) -> int:
    """A grant whose resource is erased allows nothing any more: where it still stands, it ends, on record."""
    Grant.objects.filter(approval_id__in=_approvals_of(entries)).update(granted_by="")
    revoked = Entry.objects.filter(id__in=entries, kind=Event.GRANT_REVOKED.value)
    told = Grant.objects.filter(id__in=revoked.values("subject_id")).update(revoke_reason="")
    grants = Grant.objects.filter(approval_id__in=entries)
    _end([grant.id for grant in grants.filter(revoked_at=None, expires_at__gt=database_now())])
    return told + grants.update(resource="", mcp_server="", tool="", revoke_reason="")


def blot_reports(entries: Collection[UUID]) -> int:
    reported = Entry.objects.filter(id__in=entries, kind=Event.VERIFICATION_COMPLETED.value)
    return Completion.objects.filter(verification_id__in=reported.values("subject_id")).update(error="")


def blot_profiles(entries: Collection[UUID]) -> int:
    """What is usual for the agents is learned anew, without these requests."""
    asked = Verification.objects.filter(id__in=entries, agent_id=OuterRef("agent_id"))
    profiles = BehaviourProfile.objects.filter(Exists(asked)).order_by("agent_id")
    follower = Follower.objects.filter(name="behaviour").first()
    upto = -1 if follower is None else follower.seq
    return sum([relearn(agent_id, upto=upto) for agent_id in profiles.values_list("agent_id", flat=True)])


def forget_words(first: UUID, end: UUID) -> int:
    """Of decisions that have left the database nothing can be searched for."""
    return Document.objects.filter(verification_id__gte=first, verification_id__lt=end).delete()[0]


def forget_classes(first: UUID, end: UUID) -> int:
    return ClassifiedDecision.objects.filter(verification_id__gte=first, verification_id__lt=end).delete()[0]


def _approvals_of(entries: Collection[UUID]) -> list[UUID]:
    """The approvals that these entries tell of."""
    told = Entry.objects.filter(id__in=entries, kind__in=_OF_APPROVALS).order_by()
    return [subject for subject in told.values_list("subject_id", flat=True).distinct() if subject is not None]


def _end(grants: Collection[UUID]) -> None:
    # In the order of locks of whoever decides: the agent first.
    agents = Agent.objects.filter(grants__id__in=grants).order_by("id").distinct().values_list("id", flat=True)
    for agent in Agent.objects.select_for_update(no_key=True).filter(id__in=list(agents)).order_by("id"):
        for grant in Grant.objects.select_for_update().filter(id__in=grants, agent=agent, revoked_at=None):
            actor = system_actor(grant.organization_id, label="erasure", permissions=frozenset())
            end_grant(actor, grant, reason="What it allowed was erased")
        raise_epoch(agent)


register_remainder(forget_words)
register_remainder(forget_classes)
register_blot("verification_verification", blot_decisions)
register_blot("verification_completion", blot_reports)
register_blot("verification_document", blot_words)
register_blot("verification_classifieddecision", blot_classes)
register_blot("verification_approval", blot_approvals)
register_blot("verification_approvalvote", blot_votes)
register_blot("verification_grant", blot_grants)
register_blot("verification_behaviourprofile", blot_profiles)
