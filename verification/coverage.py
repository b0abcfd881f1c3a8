"""How much of what is registered is really covered: each share with the rows behind it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.models import Agent, AgentStatus, PublicKey


@dataclass(frozen=True, slots=True)
class Share:
    label: Promise
    count: int
    whole: int
    url: str


def coverage_of(actor: Actor) -> list[Share]:
    """Of the agents that are not revoked; empty where there are none."""
    key = PublicKey.objects.filter(agent=OuterRef("pk"), status=PublicKey.Status.ACTIVE)
    living = Agent.objects.filter(organization_id=actor.scope).exclude(status=AgentStatus.REVOKED)
    found = living.annotate(has_key=Exists(key)).aggregate(
        whole=Count("id"),
        verified=Count("id", filter=Q(status=AgentStatus.VERIFIED)),
        keyed=Count("id", filter=Q(has_key=True)),
        signing=Count("id", filter=Q(require_signature=True)),
        owned=Count("id", filter=~Q(owner=None)),
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
