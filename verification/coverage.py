"""How much of what is registered is really covered: each share with the rows behind it."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.standings import standings_of


@dataclass(frozen=True, slots=True)
class Share:
    label: Promise
    count: int
    whole: int
    url: str


def coverage_of(actor: Actor) -> list[Share]:
    """Of the agents that are not revoked; empty where there are none."""
    found = standings_of(actor)
    if not found.living:
        return []
    listed = reverse("agents:agent-list")
    return [
        Share(_("Verified"), found.verified, found.living, f"{listed}?status=verified"),
        Share(_("With a proved key"), found.keyed, found.living, f"{listed}?key=none"),
        Share(_("Must sign each request"), found.signing, found.living, listed),
        Share(_("With an owner"), found.owned, found.living, f"{listed}?owner=none"),
    ]
