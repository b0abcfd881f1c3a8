"""Health checks of servers that answer, fail, come back and hang."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from aim import clock
from aim.ledger.events import Event
from mcp.models import HealthHour, HealthSample, McpServer
from mcp.services.health import (
    EVERY,
    HEALTH_ROUNDS,
    KEPT,
    HealthCheck,
    check_health,
    claim_checks,
    due_servers,
    job_of,
    keep_checks,
    prune_samples,
)
from mcp.tasks import check_servers_health, prune_health
from tests.factories.accounts import make_organization, make_person
from tests.factories.ledger import recorded
from tests.factories.mcp import make_proved_server, make_server
from tests.factories.threads import at_once
from tests.mcp.servers import hanging_server, health_server

pytestmark = pytest.mark.usefixtures("loopback", "_quiet")
ROOM = {"usual": 50, "failing": 50}


@pytest.fixture
def _quiet():
    """The servers of other tests are not due, so that what is due are this test's own."""
    McpServer.objects.update(next_health_at=clock.now() + timedelta(days=3650))


@pytest.fixture
def admin():
    return make_person(make_organization())


def checked(server: McpServer) -> McpServer:
    """Make the server due, and see to whatever is."""
    McpServer.objects.filter(id=server.id).update(next_health_at=None)
    HEALTH_ROUNDS.run()
    server.refresh_from_db()
    return server


def is_due(server: McpServer) -> bool:
    return server.next_verification_at is not None and server.next_verification_at <= clock.now()


@pytest.mark.requirement("W6.7")
def test_a_server_is_checked_every_five_minutes(admin):
    with health_server() as real:
        server = make_server(admin.actor, url=real.url, health_endpoint="/health")
        before = clock.now()
        with recorded(admin.organization.id, Event.MCP_HEALTH_CHANGED):
            checked(server)
        assert real.asked == ["/health"]
        assert server.health == "healthy"
        assert server.last_health_at is not None
        assert server.next_health_at is not None
        assert before <= server.last_health_at
        assert before + EVERY - timedelta(seconds=31) < server.next_health_at <= clock.now() + EVERY
        with recorded(admin.organization.id):
            HEALTH_ROUNDS.run()
            checked(server)
        assert real.asked == ["/health"] * 2
    samples = server.health_samples.all()
    assert [(sample.healthy, sample.way, sample.trigger, sample.http_status) for sample in samples] == [
        (True, "endpoint", "schedule", 200)
    ] * 2
    hours = HealthHour.objects.filter(server=server)
    assert sum(hour.checks for hour in hours) == sum(hour.healthy for hour in hours) == 2
    assert sum(hour.response_ms for hour in hours) == pytest.approx(sum(sample.response_ms for sample in samples))


@pytest.mark.requirement("W6.7")
def test_a_change_is_on_record_and_brings_a_verification_forward(admin):
    with health_server() as real:
        server = make_proved_server(admin.actor, url=real.url, health_endpoint="/health", verification_url="")
        checked(server)
        later = clock.now() + timedelta(days=1)
        McpServer.objects.filter(id=server.id).update(next_verification_at=later)
        real.status = 503
        with recorded(admin.organization.id, Event.MCP_HEALTH_CHANGED) as added:
            checked(server)
        assert (added[0]["data"]["before"], added[0]["data"]["after"]) == ("healthy", "unhealthy")
        assert server.health == "unhealthy"
        assert is_due(server)
        [event] = server.security_events.filter(kind="health")
        assert event.text.startswith("Health check failed: Health endpoint returned error. Check server status.")
        McpServer.objects.filter(id=server.id).update(next_verification_at=later)
        checked(server)
        assert server.next_verification_at == later
        real.status = 200
        assert checked(server).health == "healthy"
        assert server.next_verification_at == later
        real.status = None
        McpServer.objects.filter(id=server.id).update(verification="failed")
        checked(server)
        McpServer.objects.filter(id=server.id).update(next_verification_at=later)
        real.status = 200
        # It may be what its verification had failed for.
        assert is_due(checked(server))
    hour = HealthHour.objects.filter(server=server)
    assert (sum(h.checks for h in hour), sum(h.healthy for h in hour)) == (6, 3)


@pytest.mark.requirement("W6.4")
def test_a_check_keeps_what_was_asked_and_the_status_of_the_answer(admin):
    with health_server() as real:
        server = make_server(admin.actor, url=real.url, health_endpoint="/health")
        for status in (503, 401, None):
            real.status = status
            checked(server)
        McpServer.objects.filter(id=server.id).update(health_endpoint="")
        real.status = 404
        checked(server)
    found = server.health_samples.order_by("at").values_list("way", "http_status", "error_code")
    assert list(found) == [
        ("endpoint", 503, "health_failed"),
        ("endpoint", 401, "authentication_failed"),
        ("endpoint", None, "unreachable"),
        ("handshake", 501, "handshake_failed"),
    ]


@pytest.mark.requirement("W6.7")
def test_one_outage_is_not_counted_twice(admin):
    """What a verification has just found is no reason for another: the threshold counts failures at their own times."""
    with health_server() as real:
        real.status = 503
        server = make_server(admin.actor, url=real.url, health_endpoint="/health")
        later = clock.now() + timedelta(minutes=5)
        McpServer.objects.filter(id=server.id).update(
            verification="failed", consecutive_failures=1, next_verification_at=later
        )
        assert checked(server).health == "unhealthy"
        assert server.next_verification_at == later


def test_each_due_server_is_claimed_once_at_once(admin):
    ids = {make_server(admin.actor).id for _ in range(12)}
    claimed = at_once(4, lambda _: claim_checks(ROOM))
    assert sorted(job.server_id for jobs in claimed for _, job in jobs) == sorted(ids)
    assert not due_servers(clock.now()).exists()


def test_no_more_are_claimed_than_a_lane_has_room_for(admin):
    servers = [make_server(admin.actor) for _ in range(5)]
    McpServer.objects.filter(id__in=[server.id for server in servers[:2]]).update(health="unhealthy")
    assert [lane for lane, _ in claim_checks({"usual": 2, "failing": 0})] == ["usual"] * 2
    assert [lane for lane, _ in claim_checks({"usual": 0, "failing": 5})] == ["failing"] * 2


def test_nobody_asks_a_retired_server_or_one_whose_health_is_not_looked_at(admin):
    retired, off = make_server(admin.actor), make_server(admin.actor, verify_health=False)
    McpServer.objects.filter(id=retired.id).update(status="retired")
    assert not due_servers(clock.now()).filter(id__in=[retired.id, off.id]).exists()


def test_a_thousand_checks_are_kept_in_a_handful_of_statements(admin):
    servers = [make_server(admin.actor) for _ in range(20)]
    at = clock.now()
    failed = check_health(job_of(servers[0]))
    assert failed.error_code in {"unreachable", "address_refused"}
    good = [HealthCheck(server.id, at, failed.trigger, response_ms=3.0) for server in servers]
    keep_checks(good)
    connection.force_debug_cursor = True
    try:
        before = len(connection.queries_log)
        keep_checks(good * 50)
        assert len(connection.queries_log) - before <= 12
    finally:
        connection.force_debug_cursor = False
    assert HealthSample.objects.filter(server=servers[0]).count() == 51


@pytest.mark.requirement("W6.7")
def test_servers_that_hang_delay_nobody_who_answers(admin):
    with health_server() as real, hanging_server() as silent:
        hanging = [
            make_server(admin.actor, url=silent, health_endpoint="/health", timeout_seconds=2) for _ in range(20)
        ]
        McpServer.objects.filter(id__in=[server.id for server in hanging]).update(health="unhealthy")
        for _ in range(40):
            make_server(admin.actor, url=real.url, health_endpoint="/health")
        McpServer.objects.filter(organization=admin.organization).update(next_health_at=None)
        assert check_servers_health()
        healthy = McpServer.objects.filter(organization=admin.organization, health="healthy")
        deadline = time.monotonic() + 60
        while healthy.count() < 40 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert healthy.count() == 40
        # Those that hang have two seconds each, eight at once: most of them are still at it.
        assert HealthSample.objects.filter(server__in=hanging).count() < 20
        HEALTH_ROUNDS.run()
    assert HealthSample.objects.filter(server__in=hanging, error_code="timeout").count() == 20


def test_single_checks_go_after_two_weeks_and_hours_stay(admin):
    server = make_server(admin.actor)
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=False):
        keep_checks([HealthCheck(server.id, clock.now(), HealthSample.Trigger.SCHEDULE, response_ms=1.0)])
        assert prune_samples() >= 0
        assert server.health_samples.count() == 1
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC) + KEPT + timedelta(seconds=1), tick=False):
        prune_health()
    assert server.health_samples.count() == 0
    assert server.health_hours.count() == 1
