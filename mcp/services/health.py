"""Health checks: every five minutes, of every server that is not retired, with what follows from a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet, Value
from django.db.models.functions import Random
from django.utils.translation import gettext as _

from aim import clock
from aim.encryption import UndecryptableError
from aim.ledger.events import Event
from aim.outbound.problems import ErrorCode, ProbeError
from aim.rounds import Rounds
from mcp.ledger_entries import record
from mcp.models import Health, HealthSample, McpServer, ServerStatus, VerificationStatus
from mcp.probe.examination import probe_health
from mcp.probe.target import Target, target_of
from mcp.services.events import Kind, Severity, mcp_system, note

EVERY = timedelta(minutes=5)
_JITTER = timedelta(seconds=30)
"""Checks are up to so much early, so that what was registered at once does not stay together."""
LONGEST_SECONDS = 10
KEPT = timedelta(days=14)
LANES: Mapping[str, int] = {"usual": 24, "failing": 8}

_ADD_HOURS = """
INSERT INTO mcp_healthhour (server_id, hour, checks, healthy, response_ms)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::float8[])
ON CONFLICT (server_id, hour) DO UPDATE SET
    checks = mcp_healthhour.checks + excluded.checks,
    healthy = mcp_healthhour.healthy + excluded.healthy,
    response_ms = mcp_healthhour.response_ms + excluded.response_ms
"""


@dataclass(frozen=True, slots=True)
class HealthJob:
    """A server to ask; `target` is None where its credential cannot be read."""

    server_id: UUID
    target: Target | None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What a check has shown. `response_ms` is what the server itself took, `way` what was asked."""

    server_id: UUID
    at: datetime
    trigger: HealthSample.Trigger
    way: HealthSample.Way | Literal[""] = ""
    http_status: int | None = None
    response_ms: float | None = None
    error_code: str = ""
    error: str = ""

    @property
    def state(self) -> Health:
        return Health.UNHEALTHY if self.error_code else Health.HEALTHY


def due_servers(at: datetime) -> QuerySet[McpServer]:
    """Whose health is to be checked at that moment, the longest overdue first."""
    due = Q(next_health_at=None) | Q(next_health_at__lte=at)
    rows = McpServer.objects.filter(due, verify_health=True).exclude(status=ServerStatus.RETIRED)
    return rows.order_by("next_health_at")


@transaction.atomic
def claim_checks(room: Mapping[str, int]) -> list[tuple[str, HealthJob]]:
    """Take so many due servers for each lane; their next check is due in five minutes, whatever becomes of this one."""
    now = clock.now()
    claimed = []
    for lane, failing in (("usual", False), ("failing", True)):
        if room[lane] > 0:
            rows = due_servers(now).filter(Q(health=Health.UNHEALTHY) if failing else ~Q(health=Health.UNHEALTHY))
            rows = rows.select_related("credential").select_for_update(of=("self",), skip_locked=True, no_key=True)
            claimed += [(lane, server) for server in rows[: room[lane]]]
    if claimed:
        early = Value(_JITTER) * Random()
        due_at = ExpressionWrapper(Value(now + EVERY) - early, output_field=DateTimeField())
        McpServer.objects.filter(id__in=[server.id for _, server in claimed]).update(next_health_at=due_at)
    return [(lane, job_of(server)) for lane, server in claimed]


def job_of(server: McpServer) -> HealthJob:
    try:
        target = target_of(server)
        return HealthJob(server.id, replace(target, timeout_seconds=min(target.timeout_seconds, LONGEST_SECONDS)))
    except UndecryptableError:
        return HealthJob(server.id, None)


def check_health(job: HealthJob, *, trigger: HealthSample.Trigger = HealthSample.Trigger.SCHEDULE) -> HealthCheck:
    """One health check, without the database."""
    at = clock.now()
    if job.target is None:
        text = "The credential cannot be decrypted with any of the master keys. Set it again."
        return HealthCheck(job.server_id, at, trigger, error_code=ErrorCode.AUTHENTICATION_FAILED.value, error=text)
    way = HealthSample.Way.ENDPOINT if job.target.health_url else HealthSample.Way.HANDSHAKE
    try:
        milliseconds, status = probe_health(job.target)
    except ProbeError as error:
        text = f"{error.text} {error.detail}".strip()
        code = error.code.value
        return HealthCheck(job.server_id, at, trigger, way, http_status=error.status, error_code=code, error=text)
    return HealthCheck(job.server_id, at, trigger, way, http_status=status, response_ms=milliseconds)


@transaction.atomic
def keep_checks(checks: Sequence[HealthCheck]) -> None:
    """Write samples and hours of many checks, and each change of a server's health with what follows from it."""
    servers = McpServer.objects.filter(id__in={check.server_id for check in checks})
    states = dict(servers.values_list("id", "health"))
    known = sorted((check for check in checks if check.server_id in states), key=lambda check: check.server_id)
    HealthSample.objects.bulk_create(
        HealthSample(
            server_id=check.server_id,
            at=check.at,
            healthy=check.state == Health.HEALTHY,
            way=check.way,
            trigger=check.trigger,
            http_status=check.http_status,
            response_ms=check.response_ms,
            error_code=check.error_code,
            error=check.error,
        )
        for check in known
    )
    _add_to_hours(known)
    same = [check for check in known if check.state == states[check.server_id]]
    for state, group in groupby(sorted(same, key=lambda check: check.state), key=lambda check: check.state):
        of_state = list(group)
        rows = McpServer.objects.filter(id__in=[check.server_id for check in of_state], health=state)
        rows.update(last_health_at=max(check.at for check in of_state))
    for check in known:
        if check.state != states[check.server_id]:
            _change(check)


def _add_to_hours(checks: Sequence[HealthCheck]) -> None:
    """`checks` are in the order of their servers: two batches at once lock the hours in the same order."""
    columns: tuple[list[object], ...] = ([], [], [], [], [])

    def place(check: HealthCheck) -> tuple[UUID, datetime]:
        return check.server_id, check.at.replace(minute=0, second=0, microsecond=0)

    for (server_id, hour), group in groupby(sorted(checks, key=place), key=place):
        of_hour = list(group)
        good = [check for check in of_hour if check.state == Health.HEALTHY]
        row = (server_id, hour, len(of_hour), len(good), sum((check.response_ms or 0.0 for check in good), 0.0))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    if columns[0]:
        with connection.cursor() as cursor:
            cursor.execute(_ADD_HOURS, columns)


def _change(check: HealthCheck) -> None:
    """A server is healthy that was not, or the other way round: its verification may have something to say to that.

    Not where it has failed already: one outage that both find would count twice towards the threshold.
    """
    server = McpServer.objects.select_for_update(no_key=True).get(id=check.server_id)
    before = server.health
    if before == check.state:
        return
    server.health, server.last_health_at = check.state, check.at
    has_failed = server.verification == VerificationStatus.FAILED or server.suspended_by_failures
    if (check.state == Health.HEALTHY) == has_failed:
        server.next_verification_at = check.at
    server.save(update_fields=["health", "last_health_at", "next_verification_at"])
    data = {
        "before": str(before),
        "after": check.state.value,
        "error_code": check.error_code or None,
        "error": check.error or None,
        "response_ms": check.response_ms,
    }
    record(mcp_system(server), Event.MCP_HEALTH_CHANGED, server=server, data=data)
    if check.state == Health.UNHEALTHY:
        text = _("Health check failed: %(reason)s") % {"reason": check.error}
        note(server, Kind.HEALTH, Severity.MEDIUM, text, data)
    elif before == Health.UNHEALTHY:
        note(server, Kind.HEALTH, Severity.LOW, _("Health check passes again"), data)


def prune_samples() -> int:
    """Delete the single checks that are older than two weeks; the hours stay. Answers how many."""
    return HealthSample.objects.filter(at__lt=clock.now() - KEPT).delete()[0]


HEALTH_ROUNDS = Rounds("health", lanes=LANES, claim=claim_checks, work=check_health, keep=keep_checks)
