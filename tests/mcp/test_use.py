"""What agents do through servers, counted from the record and the same after a replay."""

import time

import pytest

from aim import clock
from mcp.followers.denials import MANY
from mcp.models import AgentUse, SecurityEvent
from mcp.services.lifecycle import suspend_server
from mcp.services.registration import update_server
from mcp.services.tools import update_tool
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.followers import follow_all, replay_all
from tests.factories.mcp import make_proved_server, make_tool
from tests.verification.world import make_agent


@pytest.mark.requirement("W6.4", "W10.4")
def test_use_is_counted_from_decisions_and_reports():
    admin = make_person(make_organization())
    server = make_proved_server(admin.actor)
    update_tool(admin.actor, server.id, make_tool(server).id, enabled=True, permission="auto")
    agent = make_agent(admin.actor, capabilities=["mcp.call", "file_system.read"])
    body = agent.body(action_type="mcp_tool_call", mcp_server=server.name, tool="read_file")
    reports = [{"status": "success", "duration_ms": 40}, {"status": "failure", "duration_ms": 60, "error": "no"}]
    for named, report in zip((server.name, server.public_id), reports, strict=True):
        made = agent.ask_natively(body | {"mcp_server": named}).json()
        path = f"/verify/{made['verification_id']}/complete"
        answer = Api(agent.api_key).post(path, report)
        assert answer.status_code == 200, answer.content
    agent.ask_natively(body | {"tool": "other"})
    agent.ask_natively(body | {"mcp_server": "somewhere else"})
    agent.ask_natively()
    follow_all("mcp_use")

    def counted():
        rows = AgentUse.objects.filter(server=server, agent_id=agent.agent.id)
        fields = ("requests", "approved", "completed", "succeeded", "duration_ms")
        return [sum(values) for values in zip(*rows.values_list(*fields), strict=True)]

    assert counted() == [3, 2, 2, 1, 100.0]
    replay_all("mcp_use")
    assert counted() == [3, 2, 2, 1, 100.0]
    other = make_proved_server(make_person(make_organization()).actor, name=server.name)
    assert not AgentUse.objects.filter(server=other).exists()


@pytest.fixture
def one_hour():
    """An hour that ends within the test would begin another event."""
    while (now := clock.now()).minute == 59 and now.second > 40:
        time.sleep(1)


def call(agent, server, **changes):
    named = server if isinstance(server, str) else server.name
    body = agent.body(action_type="mcp_tool_call", mcp_server=named, tool="read_file") | changes
    return agent.ask_natively(body).json().get("code", "")


def events_of(server):
    """Kind, severity, code and count of each event of the decisions, in a fixed order."""
    return sorted(
        (row.kind, row.severity, row.data.get("code", ""), row.data["denials"])
        for row in server.security_events.exclude(kind="suspension")
    )


@pytest.mark.requirement("W10.4")
@pytest.mark.usefixtures("one_hour")
def test_what_a_servers_rules_refuse_is_an_event_by_agent_code_and_hour():
    admin = make_person(make_organization())
    server = make_proved_server(admin.actor)
    busy = make_proved_server(admin.actor)
    other = make_proved_server(make_person(make_organization()).actor, name=server.name)
    agent, second = (make_agent(admin.actor, capabilities=["mcp.call"]) for _ in range(2))
    tool = make_tool(server)
    for tool_of, where in ((tool, server), (make_tool(busy), busy)):
        update_tool(admin.actor, where.id, tool_of.id, enabled=True, permission="auto")
    assert call(agent, server) == ""
    update_tool(admin.actor, server.id, tool.id, enabled=False)
    assert [call(agent, server), call(agent, server.public_id)] == ["mcp_capability_disabled"] * 2
    assert call(second, server) == "mcp_capability_disabled"
    follow_all("mcp_use")
    denied = ("access_denied", "medium", "mcp_capability_disabled")
    assert events_of(server) == [(*denied, 1), (*denied, 2)]
    # Steps add up, and what is refused for the agent's own sake is no event of the server.
    assert call(agent, server) == "mcp_capability_disabled"
    assert call(agent, server, action_type="file_write") == "capability_missing"
    assert call(agent, "nowhere") == "mcp_server_not_verified"
    follow_all("mcp_use")
    assert events_of(server) == [(*denied, 1), (*denied, 3)]
    [event] = server.security_events.filter(data__denials=3)
    name = agent.agent.name
    assert event.text == f"Access denied to {name}, 3 times within the hour: MCP tool is disabled"
    assert event.data["agent"] == agent.agent.public_id
    # The rate is no suspicion, however often it refuses.
    update_server(admin.actor, busy.id, changes={"rate_per_minute": 1})
    codes = [call(second, busy) for _ in range(MANY + 3)]
    assert codes.count("rate_limited") >= MANY
    # A server that was suspended, and an address outside its ranges.
    update_server(admin.actor, server.id, changes={"allowed_ip_ranges": ["10.0.0.0/8"]})
    assert call(second, server) == "ip_not_allowed"
    suspend_server(admin.actor, server.id, reason="test")
    assert call(second, server) == "mcp_server_not_verified"
    follow_all("mcp_use")
    assert events_of(server) == [
        ("access_denied", "medium", "ip_not_allowed", 1),
        (*denied, 1),
        (*denied, 3),
        ("access_denied", "medium", "mcp_server_not_verified", 1),
        ("suspicious_connection", "high", "", 3),
    ]
    assert events_of(busy) == [("access_denied", "low", "rate_limited", codes.count("rate_limited"))]
    [event] = server.security_events.filter(kind="suspicious_connection")
    assert event.text.endswith("3 calls refused within the hour, 1 from outside the server's address ranges")
    assert "127.0.0.1" not in str(list(SecurityEvent.objects.values_list("text", "data")))
    assert not other.security_events.exists()


@pytest.mark.requirement("W10.4")
@pytest.mark.usefixtures("one_hour")
def test_many_refusals_within_an_hour_are_suspicious_and_a_replay_comes_to_the_same():
    admin = make_person(make_organization())
    server = make_proved_server(admin.actor)
    agent = make_agent(admin.actor, capabilities=["mcp.call"])
    suspend_server(admin.actor, server.id, reason="test")
    kept = list(server.security_events.values())
    for _ in range(MANY - 1):
        call(agent, server)
    follow_all("mcp_use")
    assert not server.security_events.filter(kind="suspicious_connection").exists()
    for _ in range(2):
        call(agent, server)
        follow_all("mcp_use")
    [event] = server.security_events.filter(kind="suspicious_connection")
    assert (event.severity, event.data["denials"]) == ("high", MANY + 1)
    [denied] = server.security_events.filter(kind="access_denied")
    assert denied.at < event.at
    assert list(server.security_events.values("id")[:1]) == [{"id": event.id}]
    before = list(server.security_events.values())
    replay_all("mcp_use")
    assert list(server.security_events.values()) == before
    assert [row for row in before if row["kind"] not in {"access_denied", "suspicious_connection"}] == kept
