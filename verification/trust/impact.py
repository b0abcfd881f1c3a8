"""What one decision did to the trust of its agent."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from agents.models import TrustEvent
from aim.ledger.events import Event
from aim.ledger.models import Entry, Follower, Leaf
from verification.models import Verification


@dataclass(frozen=True, slots=True)
class TrustImpact:
    """`delta` is the sum of what it cost or restored, in points of 100, and `score` what the agent had after it.

    `reasons` are those of the steps in the agent's chain of trust; without one nothing has changed.
    """

    delta: Decimal
    score: Decimal | None
    reasons: list[str]

    @property
    def change(self) -> str:
        """With its sign, as in "−4" and "+0.5"."""
        return f"{self.delta.normalize():+f}".replace("-", "−")


def impact_of(verification: Verification) -> TrustImpact | None:
    """By the decision itself, and by what was reported of it; None as long as trust has not been worked out so far."""
    told = Entry.objects.filter(~Q(kind=Event.VERIFICATION_DECIDED.value), subject_id=verification.id)
    steps = list(
        TrustEvent.objects.filter(
            Q(entry_id=verification.id) | Q(entry_id__in=told.values("id")),
            agent_id=verification.agent_id,
            organization_id=verification.organization_id,
        ).order_by("number")
    )
    if steps:
        return TrustImpact(
            sum((step.delta for step in steps), Decimal()), steps[-1].score, [step.reason for step in steps]
        )
    taken_in = Follower.objects.filter(
        name="trust", seq__gte=Leaf.objects.filter(entry_id=verification.id).values("seq")[:1]
    )
    return TrustImpact(Decimal(), None, []) if taken_in.exists() else None
