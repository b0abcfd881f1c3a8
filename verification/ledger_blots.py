"""Where else clear values of entries are kept in this room, how they are erased there, and what leaves with a month."""

from collections.abc import Collection
from uuid import UUID

from aim.ledger.archiving import register_remainder
from aim.ledger.erasure import register_blot
from aim.ledger.events import Event
from aim.ledger.models import Entry
from verification.approvals.models import Approval, ApprovalVote
from verification.models import Completion, Document, Verification


def blot_decisions(entries: Collection[UUID]) -> int:
    """The digest goes as well: it could be guessed again from the resource and the parameters."""
    return Verification.objects.filter(id__in=entries).update(
        resource="", user_id="", session_id="", request_digest=b""
    )


def blot_words(entries: Collection[UUID]) -> int:
    """The words by which a decision is searched for; they are not made again."""
    return Document.objects.filter(verification_id__in=entries).delete()[0]


def blot_approvals(entries: Collection[UUID]) -> int:
    """Nothing more can be approved by a digest that is gone, which denies."""
    ApprovalVote.objects.filter(approval_id__in=entries).update(note="", pattern="")
    return Approval.objects.filter(id__in=entries).update(request_digest=b"")


def blot_reports(entries: Collection[UUID]) -> int:
    reported = Entry.objects.filter(id__in=entries, kind=Event.VERIFICATION_COMPLETED.value)
    return Completion.objects.filter(verification_id__in=reported.values("subject_id")).update(error="")


def forget_words(first: UUID, end: UUID) -> int:
    """Of decisions that have left the database nothing can be searched for."""
    return Document.objects.filter(verification_id__gte=first, verification_id__lt=end).delete()[0]


register_remainder(forget_words)
register_blot("verification_verification", blot_decisions)
register_blot("verification_completion", blot_reports)
register_blot("verification_document", blot_words)
register_blot("verification_approval", blot_approvals)
