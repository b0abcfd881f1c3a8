"""How much of what is registered is really covered: each share with the rows behind it."""

from dataclasses import dataclass

from django.db.models import Q, Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.models import AgentStatus, AgentTally


@dataclass(frozen=True, slots=True)
class Share:
    label: Promise
    count: int
    whole: int
    url: str


def coverage_of(actor: Actor) -> list[Share]:
    """Of the agents that are not revoked; empty where there are none."""
    living = AgentTally.objects.filter(organization_id=actor.scope).exclude(status=AgentStatus.REVOKED)
    found = living.aggregate(
        whole=Sum("count", default=0),
        verified=Sum("count", default=0, filter=Q(status=AgentStatus.VERIFIED)),
        keyed=Sum("count", default=0, filter=~Q(key_type="")),
        signing=Sum("count", default=0, filter=Q(require_signature=True)),
        owned=Sum("count", default=0, filter=Q(owner_id__isnull=False)),
    )
    if not found["whole"]:
        return []
    listed = reverse("agents:agent-list")
    return [
        Share(_("Verified"), found["verified"], found["whole"], f"{listed}?status=verified"),
        Share(_("With a proved key"), found["keyed"], found["whole"], f"{listed}?key=none"),
        Share(_("Must sign each request"), found["signing"], found["whole"], listed),
        Share(_("With an owner"), found["owned"], found["whole"], f"{listed}?owner=none"),
    ]
