"""The tabs of an agent's page that say how far it is to be trusted: its score explained, and how it usually behaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.selectors import organization_of
from agents.models import Agent, AgentStatus, TrustEvent
from agents.tabs import AgentTab, register_tab
from agents.trust_records import tail_evidence, trust_history_of
from aim import clock
from aim.console.behaviour_charts import Score, heat_chart, score_chart
from aim.console.charts import Trust, trust_chart
from aim.console.lists import Order, keyset_page
from aim.ids import IdKind, show_id
from verification.behaviour.description import describe
from verification.behaviour.profile import YOUNG
from verification.behaviour.scores import AnomalyScore, last_scores
from verification.selectors import behaviour_of, verification_settings_of
from verification.trust.breakdown import trust_breakdown
from verification.trust_sources import Source, sources_of

_DRAWN = 200
_PAGE = 25
_NOTABLE = 20
"""From this score on the check writes what it is made of."""
_MOST_NOTABLE = 12
KINDS: Mapping[str, Promise] = {
    "ordinary": _("mistake"),
    "threat": _("threat"),
    "unproven": _("unproven"),
}
_CAUSES: Mapping[str, Promise] = {
    "verified": _("Verified"),
    "restored": _("Restored"),
    "baseline_set": _("Set by an admin"),
    "restarted": _("Begun anew by an admin"),
}


@dataclass(frozen=True, slots=True)
class TrustRow:
    """A step of the chain in the list."""

    event: TrustEvent
    cause: Promise | str
    entry: str
    source: Source

    @property
    def signature(self) -> str:
        return bytes(self.event.signature).hex()


def _trust(request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    breakdown = trust_breakdown(agent)
    history = trust_history_of(agent)
    total = history.count()
    page = keyset_page(history, Order("number", "number", descending=True), request.GET, total=total, size=_PAGE)
    # Looked at anew each time somebody opens the tab: what is shown must be what the chain says.
    evidence = None if breakdown.frozen_at else tail_evidence(agent)
    moved = sorted((share for share in breakdown.factors if share.times), key=lambda share: share.points)
    return {
        "breakdown": breakdown,
        "problem": breakdown.frozen_because if breakdown.frozen_at else evidence.problem if evidence else "",
        "chart": _chart(agent, list(history.order_by("-number")[:_DRAWN])) if total else None,
        "steps": page,
        "rows": _rows(actor, page.rows),
        "moved": moved,
        "unmoved": [share for share in breakdown.factors if not share.times],
        "lost": sum((share.points for share in moved), Decimal(0)),
        "kinds": KINDS,
        "may_set_trust": actor.may(Permission.AGENTS_TRUST)
        and agent.verified_at is not None
        and agent.status != AgentStatus.REVOKED,
    }


def _chart(agent: Agent, newest: Sequence[TrustEvent]) -> Any:
    points = [Trust(event.at, float(event.score), event.reason) for event in reversed(newest)]
    return trust_chart(points, minimum=agent.min_trust, suspend=agent.auto_suspend_below, until=clock.now())


def _rows(actor: Actor, events: Sequence[TrustEvent]) -> list[TrustRow]:
    sources = sources_of(actor, events)
    return [
        TrustRow(
            event, _CAUSES.get(event.cause, event.cause), show_id(IdKind.ENTRY, event.entry_id), sources[event.entry_id]
        )
        for event in events
    ]


def _behaviour(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    usual = describe(behaviour_of(agent))
    rules = verification_settings_of(actor)
    scores = last_scores(actor, agent.id) if actor.may(Permission.VERIFICATIONS_READ) else []
    drawn = [_score(score) for score in reversed(scores)]
    return {
        "usual": usual,
        "young": usual.actions_seen <= YOUNG,
        "youth": YOUNG,
        "heat": heat_chart(usual.hours),
        "zone": organization_of(actor).timezone,
        "rules": rules,
        "scores": scores,
        "score_chart": score_chart(drawn, threshold=rules.anomaly_threshold) if drawn else None,
        "notable": [score for score in scores if score.percent >= _NOTABLE][:_MOST_NOTABLE],
    }


def _score(score: AnomalyScore) -> Score:
    row = score.verification
    parts = ", ".join(f"{part.name} {part.points}" for part in score.parts)
    words = gettext("%(percent)s %% for %(action)s") % {"percent": score.percent, "action": row.action_type}
    url = reverse("verification:verification-detail", args=[row.public_id])
    return Score(row.created_at, score.percent, f"{words}: {parts}" if parts else words, url)


register_tab(AgentTab("trust", _("Trust"), 22, "verification/tab_trust.html", _trust))
register_tab(AgentTab("behaviour", _("Behaviour"), 24, "verification/tab_behaviour.html", _behaviour))
