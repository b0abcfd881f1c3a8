"""What a server has done: its uptime from health checks, its use from decisions and completions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Avg, Count, Max, Q, QuerySet, Sum

from agents.models import Agent
from aim import clock
from aim.ids import uuid7_floor
from mcp.models import AgentUse, HealthHour, McpServer, VerificationRun

DAY = timedelta(hours=24)
LAST_RUNS = 10
PROOFS = (VerificationRun.Purpose.VERIFICATION, VerificationRun.Purpose.NEW_KEY)
FINISHED = (VerificationRun.State.SUCCEEDED, VerificationRun.State.FAILED)


@dataclass(frozen=True, slots=True)
class Uptime:
    """Of the health checks of a time; None of them says nothing, and never 100 %."""

    checks: int
    healthy: int
    response_ms: float | None

    @property
    def share(self) -> float | None:
        return 100 * self.healthy / self.checks if self.checks else None


def uptime_of(server: McpServer, *, since: timedelta = DAY) -> Uptime:
    """Samples for a day or less, hours beyond."""
    begin = clock.now() - since
    if since <= DAY:
        found = server.health_samples.filter(at__gte=begin).aggregate(
            checks=Count("id"), good=Count("id", filter=Q(healthy=True)), ms=Avg("response_ms", filter=Q(healthy=True))
        )
        return Uptime(found["checks"], found["good"], found["ms"])
    found = server.health_hours.filter(hour__gte=begin).aggregate(
        checks=Sum("checks"), good=Sum("healthy"), ms=Sum("response_ms")
    )
    good = found["good"] or 0
    return Uptime(found["checks"] or 0, good, found["ms"] / good if good else None)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How well all servers together were kept in the last 24 full hours: their health checks and their proofs.

    `minutes` is how long after one check of a server the next one came, as measured; None where none was made.
    """

    uptime: Uptime
    minutes: float | None
    runs: int
    good_runs: int

    @property
    def run_share(self) -> float | None:
        return 100 * self.good_runs / self.runs if self.runs else None


def keeping_of(servers: QuerySet[McpServer]) -> Keeping:
    now = clock.now()
    until = now.replace(minute=0, second=0, microsecond=0)
    ids = servers.order_by().values("id")
    hours = HealthHour.objects.filter(server__in=ids, hour__gte=until - DAY, hour__lt=until).aggregate(
        checks=Sum("checks"), good=Sum("healthy"), ms=Sum("response_ms"), hours=Count("id")
    )
    checks, good = hours["checks"] or 0, hours["good"] or 0
    recent = VerificationRun.objects.filter(id__gte=uuid7_floor((now - DAY).timestamp()), server__in=ids)
    runs = recent.filter(purpose__in=PROOFS, state__in=FINISHED).order_by()
    found = runs.aggregate(total=Count("id"), good=Count("id", filter=Q(state="succeeded")))
    return Keeping(
        Uptime(checks, good, hours["ms"] / good if good else None),
        60 * hours["hours"] / checks if checks else None,
        found["total"],
        found["good"],
    )


@dataclass(frozen=True, slots=True)
class Use:
    """What agents did through a server in a time: requests decided, and what completions reported of them."""

    requests: int
    approved: int
    completed: int
    succeeded: int
    duration_ms: float

    @property
    def success_share(self) -> float | None:
        return 100 * self.succeeded / self.completed if self.completed else None

    @property
    def average_ms(self) -> float | None:
        return self.duration_ms / self.completed if self.completed else None


def recent_hours(since: timedelta = DAY) -> datetime:
    """Counts of hours that begin after this moment reach at least so far back."""
    return clock.now() - since - timedelta(hours=1)


def use_of(server: McpServer, *, since: timedelta = DAY) -> Use:
    found = AgentUse.objects.filter(server=server, hour__gt=recent_hours(since)).aggregate(
        **{name: Sum(name) for name in ("requests", "approved", "completed", "succeeded", "duration_ms")}
    )
    return Use(**{name: value or 0 for name, value in found.items()})


@dataclass(frozen=True, slots=True)
class ConnectedAgent:
    """An agent that has asked to use the server, ready for the template. `agent` is None where it is deleted."""

    agent_id: UUID
    agent: Agent | None
    last_at: datetime
    requests: int

    @property
    def active(self) -> bool:
        """Whether it has asked within a day."""
        return self.last_at >= clock.now() - DAY

    @property
    def trust(self) -> float | None:
        score = self.agent.runtime.trust_score if self.agent else None
        return None if score is None else float(score)


def connected_agents(agents: QuerySet[Agent], server: McpServer) -> list[ConnectedAgent]:
    """Those of all times, the latest first, with their requests of the last 24 hours.

    `agents` are those that may be named: of the organization, as `agents_visible_to` answers them.
    """
    begin = recent_hours()
    rows = (
        AgentUse.objects.filter(server=server)
        .order_by()
        .values("agent_id")
        .annotate(last=Max("last_at"), n=Sum("requests", filter=Q(hour__gt=begin)))
        .order_by("-last")[:500]
    )
    found = list(rows)
    named = agents.filter(id__in=[row["agent_id"] for row in found]).select_related("runtime")
    by_id = {agent.id: agent for agent in named}
    return [ConnectedAgent(row["agent_id"], by_id.get(row["agent_id"]), row["last"], row["n"] or 0) for row in found]


@dataclass(frozen=True, slots=True)
class Attempts:
    """All proofs that were asked of a server, and how quick the last ten good ones were."""

    total: int
    succeeded: int
    response_ms: float | None

    @property
    def share(self) -> float | None:
        return 100 * self.succeeded / self.total if self.total else None


def attempts_of(server: McpServer) -> Attempts:
    runs = VerificationRun.objects.filter(server=server, purpose__in=PROOFS, state__in=FINISHED)
    found = runs.order_by().aggregate(total=Count("id"), good=Count("id", filter=Q(state="succeeded")))
    last = runs.filter(state="succeeded", response_ms__isnull=False).order_by("-id")
    times = [value for value in last.values_list("response_ms", flat=True)[:LAST_RUNS] if value is not None]
    return Attempts(found["total"], found["good"], sum(times) / len(times) if times else None)
