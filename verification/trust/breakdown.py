"""An agent's trust explained: what moved it lately, what each factor costs, and what would bring it back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from agents.models import Agent, TrustAccount, TrustEvent
from agents.trust_records import trust_history_of
from aim import clock
from verification.trust.factors import FACTORS, Factor
from verification.trust.scoring import Progress

_WINDOW = timedelta(days=30)
_EVENTS = 10


@dataclass(frozen=True, slots=True)
class FactorShare:
    """A factor, and how often and how much it has moved the score within the last 30 days."""

    factor: Factor
    times: int
    points: Decimal


@dataclass(frozen=True, slots=True)
class Breakdown:
    agent: Agent
    score: Decimal | None
    frozen_at: datetime | None
    frozen_because: str
    factors: list[FactorShare]
    restored: Decimal
    saved: float
    restores: str
    events: list[TrustEvent]


def trust_breakdown(agent: Agent) -> Breakdown:
    """The caller has made sure that the actor may see the agent."""
    account = TrustAccount.objects.filter(agent=agent).first()
    progress = msgspec.convert(account.progress, Progress) if account else Progress()
    recent = trust_history_of(agent).filter(at__gte=clock.now() - _WINDOW)
    sums = {
        row["cause"]: (row["times"], row["points"])
        for row in recent.order_by().values("cause").annotate(times=Count("id"), points=Sum("delta"))
    }
    return Breakdown(
        agent=agent,
        score=agent.runtime.trust_score,
        frozen_at=account.frozen_at if account else None,
        frozen_because=account.frozen_because if account else "",
        factors=[FactorShare(factor, *sums.get(factor.code, (0, Decimal(0)))) for factor in FACTORS.factor],
        restored=sums.get("restored", (0, Decimal(0)))[1],
        saved=progress.saved / 100,
        restores=_restores(agent, account, progress),
        events=list(trust_history_of(agent)[:_EVENTS]),
    )


def _restores(agent: Agent, account: TrustAccount | None, progress: Progress) -> str:
    """What would bring the score back, in one sentence."""
    score, rule = agent.runtime.trust_score, FACTORS.restoring
    if account is not None and account.frozen_at is not None:
        return _("The score was manipulated and is frozen: an admin looks into it and sets it anew.")
    if score is None:
        return _("The agent has no score yet: it begins with 100 when it is verified.")
    if score == 100:  # noqa: PLR2004 - the highest score there is
        return _("Nothing is missing.")
    if score < agent.min_trust:
        return _(
            "Below its minimum the agent is denied everything, so that an admin sets the score anew, with a reason."
        )
    left = max(1, rule.approvals - progress.approvals)
    return _(
        "%(points)s point after %(left)s more approved actions, then after every %(every)s,"
        " at most %(most)s points an hour."
    ) % {
        "points": f"{rule.points:g}",
        "left": left,
        "every": rule.approvals,
        "most": f"{rule.most_an_hour:g}",
    }
