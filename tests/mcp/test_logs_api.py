"""What is logged of a server, by the API: its single health checks and its security events."""

from datetime import timedelta
from uuid import UUID

import pytest

from aim import clock
from aim.ids import uuid7_bytes
from mcp.models import HealthSample, SecurityEvent
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.api import Api
from tests.factories.mcp import make_server


@pytest.fixture
def admin():
    return make_person(make_organization())


def id_of(at):
    """The id of a row of that moment: lists are in the order of ids."""
    return UUID(bytes=uuid7_bytes(at.timestamp()))


@pytest.mark.requirement("W6.4")
def test_health_checks_are_listed_newest_first_and_filtered(admin):
    server, viewer = make_server(admin.actor), Api(make_person(admin.organization, Role.VIEWER).token)
    now = clock.now()
    for minutes in (10, 5, 0):
        HealthSample.objects.create(
            id=id_of(now - timedelta(minutes=minutes)),
            server=server,
            at=now - timedelta(minutes=minutes),
            healthy=minutes != 5,
            way="endpoint",
            trigger="schedule",
            http_status=503 if minutes == 5 else 200,
            response_ms=None if minutes == 5 else 12.5,
            error_code="health_failed" if minutes == 5 else "",
            error="Health endpoint returned error. Check server status." if minutes == 5 else "",
        )
    path = f"/mcp-servers/{server.public_id}/health-checks"
    rows = viewer.get(path).json()["results"]
    assert [row["http_status"] for row in rows] == [200, 503, 200]
    assert rows[1] == {
        "at": clock.show_time(now - timedelta(minutes=5)),
        "result": "unhealthy",
        "check": "endpoint",
        "trigger": "schedule",
        "http_status": 503,
        "response_ms": None,
        "error_code": "health_failed",
        "error": "Health endpoint returned error. Check server status.",
    }

    def count(query):
        answer = viewer.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.content
        return len(answer.json()["results"])

    assert (count("result=healthy"), count("result=unhealthy")) == (2, 1)
    middle = clock.show_time(now - timedelta(minutes=5))
    assert (count(f"since={middle}"), count(f"until={middle}")) == (2, 1)
    first = viewer.get(f"{path}?limit=2").json()
    assert (len(first["results"]), first["previous"]) == (2, None)
    assert "cursor=" in first["next"]
    for wrong in ("result=good", "since=yesterday", "method=x"):
        assert viewer.get(f"{path}?{wrong}").status_code == 400


@pytest.mark.requirement("W10.4")
def test_security_events_are_listed_newest_first_and_filtered(admin):
    server, viewer = make_server(admin.actor), Api(make_person(admin.organization, Role.VIEWER).token)
    for minutes, severity in ((10, "low"), (5, "high"), (0, "critical")):
        at = clock.now() - timedelta(minutes=minutes)
        SecurityEvent.objects.create(
            id=id_of(at), server=server, kind="health", severity=severity, text=severity, data={"n": 1}, at=at
        )
    path = f"/mcp-servers/{server.public_id}/security-events"
    rows = viewer.get(path).json()["results"]
    assert [row["severity"] for row in rows] == ["critical", "high", "low"]
    assert rows[0]["id"].startswith("mev_")
    assert rows[0]["data"] == {"n": 1}
    chosen = viewer.get(f"{path}?severity=low&severity=high").json()["results"]
    assert [row["text"] for row in chosen] == ["high", "low"]
    assert viewer.get(f"{path}?severity=worst").status_code == 400


@pytest.mark.requirement("R.1")
@pytest.mark.parametrize("log", ["health-checks", "security-events"])
def test_another_organizations_logs_are_not_there(admin, log):
    server, other = make_server(admin.actor), make_server(admin.actor)
    HealthSample.objects.create(server=other, at=clock.now(), healthy=True)
    SecurityEvent.objects.create(server=other, kind="health", severity="low", text="", at=clock.now())
    assert Api(admin.token).get(f"/mcp-servers/{server.public_id}/{log}").json()["results"] == []
    stranger = Api(make_person(make_organization()).token)
    assert stranger.get(f"/mcp-servers/{server.public_id}/{log}").status_code == 404
