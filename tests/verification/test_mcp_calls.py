"""Calls through MCP servers: what of a server a decision enforces, for the very next call after a change."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts.actors import person_actor
from accounts.models import Membership
from agents.models import AgentRuntime
from aim import clock
from mcp.models import McpServer, ServerRate
from mcp.services.lifecycle import resume_server, suspend_server
from mcp.services.registration import update_server
from mcp.services.tools import update_tool
from tests.factories.mcp import generation_of, make_proved_server, make_tool
from tests.verification.world import make_agent, make_organization
from verification.approvals.rechecking import current_snapshot


@pytest.fixture
def admin():
    return make_organization()[1]


@pytest.fixture
def agent(admin):
    return make_agent(admin, capabilities=["mcp.call", "mcp.read"], calls_per_hour=10_000)


@pytest.fixture
def server(admin):
    return make_proved_server(admin)


def tool_on(admin, server, name="read_file", permission="auto"):
    tool = make_tool(server, name)
    return update_tool(admin, server.id, tool.id, enabled=True, permission=permission)


def ask(agent, server, *, lane="native", **changes):
    named = server if isinstance(server, str) or server is None else server.name
    body = agent.body(action_type="mcp_tool_call", resource="/app/data", mcp_server=named, tool="read_file")
    body |= changes
    body = {name: value for name, value in body.items() if value is not None}
    reply = agent.ask_natively(body) if lane == "native" else agent.ask_patiently(body)
    return reply.status, reply.json().get("code") or ""


@pytest.mark.requirement("W6.5", "W4.3")
@pytest.mark.parametrize("lane", ["native", "patient"])
def test_a_tool_is_callable_once_it_is_on_and_not_for_the_very_next_call_after_it_is_off(admin, agent, server, lane):
    tool = make_tool(server)
    assert ask(agent, server, lane=lane) == (403, "mcp_capability_disabled")
    update_tool(admin, server.id, tool.id, enabled=True, permission="auto")
    assert ask(agent, server, lane=lane)[0] == 200
    assert ask(agent, server.public_id, lane=lane)[0] == 200
    update_tool(admin, server.id, tool.id, permission="approval")
    assert ask(agent, server, lane=lane) == (202, "approval_required")
    update_tool(admin, server.id, tool.id, permission="blocked")
    assert ask(agent, server, lane=lane) == (403, "mcp_capability_disabled")
    update_tool(admin, server.id, tool.id, permission="auto")
    assert ask(agent, server, lane=lane)[0] == 200
    update_tool(admin, server.id, tool.id, enabled=False)
    assert ask(agent, server, lane=lane) == (403, "mcp_capability_disabled")


@pytest.mark.requirement("W6.5")
def test_only_a_verified_and_active_server_of_the_organization_is_called(admin, agent, server):
    tool_on(admin, server)
    assert ask(agent, server)[0] == 200
    suspend_server(admin, server.id, reason="test")
    assert ask(agent, server) == (403, "mcp_server_not_verified")
    resume_server(admin, server.id, reason="test")
    assert ask(agent, server)[0] == 200
    update_server(admin, server.id, changes={"url": "https://elsewhere.example/mcp"})
    assert ask(agent, server) == (403, "mcp_server_not_verified")
    other = make_proved_server(make_organization()[1])
    tool_on(admin_of(other), other)
    assert ask(agent, other) == (403, "mcp_server_not_verified")
    assert ask(agent, other.public_id) == (403, "mcp_server_not_verified")
    assert ask(agent, None) == (403, "mcp_server_not_verified")
    assert ask(agent, server.name.upper()) == (403, "mcp_server_not_verified")


def admin_of(server):
    membership = Membership.objects.filter(organization_id=server.organization_id).first()
    return person_actor(membership, credential="test")


@pytest.mark.requirement("W6.5")
def test_a_tool_that_is_held_or_gone_is_not_called(admin, agent, server):
    tool = tool_on(admin, server)
    for change in ({"held_reason": "changed"}, {"held_reason": "", "present": False}):
        server.tools.filter(id=tool.id).update(**change)
        assert ask(agent, server) == (403, "mcp_capability_disabled")
    assert ask(agent, server, tool=None) == (403, "mcp_capability_disabled")
    assert ask(agent, server, tool="other") == (403, "mcp_capability_disabled")


@pytest.mark.requirement("W6.2")
def test_a_server_is_open_to_its_agents_and_addresses_alone(admin, agent, server):
    tool_on(admin, server)
    other = make_agent(admin, capabilities=["mcp.call"])
    update_server(admin, server.id, changes={"allowed_agents": [other.agent.public_id]})
    assert ask(agent, server) == (403, "mcp_capability_disabled")
    assert ask(other, server)[0] == 200
    update_server(admin, server.id, changes={"allowed_agents": [], "allowed_ip_ranges": ["10.0.0.0/8"]})
    assert ask(agent, server) == (403, "ip_not_allowed")
    update_server(admin, server.id, changes={"allowed_ip_ranges": ["127.0.0.0/8"]})
    assert ask(agent, server)[0] == 200


@pytest.mark.requirement("W6.2")
def test_the_rate_of_a_server_is_exact_over_all_its_agents(admin, agent, server):
    tool_on(admin, server)
    other = make_agent(admin, capabilities=["mcp.call"])
    update_server(admin, server.id, changes={"rate_per_minute": 7})
    while clock.now().second > 40:
        # A minute that ends in between would begin to count anew.
        time.sleep(1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ask((agent, other)[number % 2], server), range(24)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [429] * 17
    assert {code for status, code in answers if status == 429} == {"rate_limited"}
    assert ServerRate.objects.get(server=server).used == 7
    # The calls of other servers are not concerned.
    second = make_proved_server(admin)
    tool_on(admin, second)
    assert ask(agent, second)[0] == 200
    ServerRate.objects.filter(server=server).update(minute="2026-01-01T00:00:00Z")
    assert ask(agent, server)[0] == 200


@pytest.mark.requirement("W6.5")
def test_whatever_a_decision_reads_raises_the_generation_by_itself(admin, server):
    tool = tool_on(admin, server)

    rows, tools = McpServer.objects.filter(id=server.id), server.tools.filter(id=tool.id)
    for change in (
        lambda: rows.update(rate_per_minute=3),
        lambda: rows.update(allowed_agents=["x"]),
        lambda: rows.update(verification="failed"),
        lambda: rows.update(verification="verified"),
        lambda: tools.update(present=False),
        lambda: tools.update(permission="blocked"),
        tools.delete,
        rows.delete,
    ):
        before = generation_of(server.organization_id)
        change()
        assert generation_of(server.organization_id) == before + 1
    second = make_proved_server(admin)
    before = generation_of(server.organization_id)
    McpServer.objects.filter(id=second.id).update(health="healthy", last_health_at=clock.now())
    assert generation_of(server.organization_id) == before
    # What agents cannot call, neither before nor after, is nothing to their decisions.
    McpServer.objects.filter(id=second.id).update(status="suspended")
    assert generation_of(server.organization_id) == before + 1
    for change in ({"verification": "failed"}, {"verification": "unverified", "rate_per_minute": 9}):
        McpServer.objects.filter(id=second.id).update(**change)
    make_tool(second, "switched_off").delete()
    assert generation_of(server.organization_id) == before + 1


@pytest.mark.requirement("W6.5", "O.1")
def test_a_change_of_a_server_leaves_decisions_about_anything_else_alone(admin, agent, server):
    tool = tool_on(admin, server)
    before = AgentRuntime.objects.get(agent=agent.agent).epoch
    update_tool(admin, server.id, tool.id, permission="blocked")
    suspend_server(admin, server.id, reason="test")
    assert AgentRuntime.objects.get(agent=agent.agent).epoch == before


@pytest.mark.requirement("W6.5")
def test_no_call_is_approved_once_its_server_is_suspended(admin, server):
    """Eight agents call without a pause; what was asked after the suspension is refused, in every one of them."""
    tool_on(admin, server)
    agents = [make_agent(admin, capabilities=["mcp.call"], calls_per_hour=10_000) for _ in range(8)]
    suspended_at = [float("inf")]

    def call(agent):
        answers = []
        while not answers or answers[-1][0] < suspended_at[0] + 0.3:
            asked_at = time.perf_counter()
            answers.append((asked_at, ask(agent, server)))
        return answers

    with ThreadPoolExecutor(len(agents)) as pool:
        calls = [pool.submit(call, agent) for agent in agents]
        time.sleep(0.5)
        suspend_server(admin, server.id, reason="test")
        suspended_at[0] = time.perf_counter()
        answers = [answer for future in calls for answer in future.result()]
    late = {answer for asked_at, answer in answers if asked_at > suspended_at[0]}
    assert late == {(403, "mcp_server_not_verified")}
    assert sum(answer[0] == 200 for _, answer in answers) > 8


@pytest.mark.requirement("W6.5")
def test_a_change_is_not_committed_before_the_calls_that_it_would_have_refused(admin, agent, server):
    tool_on(admin, server)
    assert ask(agent, server)[0] == 200
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # As a decision does that is being recorded.
            ServerRate.objects.select_for_update().get(server=server)
            suspending = pool.submit(in_a_thread, suspend_server, admin, server.id, reason="test")
            with pytest.raises(TimeoutError):
                suspending.result(timeout=0.5)
        suspending.result(timeout=5)
    # And the other way round, a change that is still being made keeps nobody from calling as things are.
    resume_server(admin, server.id, reason="test")
    with transaction.atomic():
        suspend_server(admin, server.id, reason="test")
        assert ask(agent, server)[0] == 200
    assert ask(agent, server) == (403, "mcp_server_not_verified")


def in_a_thread(service, *arguments, **changes):
    try:
        return service(*arguments, **changes)
    finally:
        connection.close()


@pytest.mark.requirement("W6.5")
def test_what_waits_for_a_person_is_looked_at_again_with_the_servers_of_now(admin, agent, server):
    tool_on(admin, server, permission="approval")
    snapshot = current_snapshot(agent.agent.id)
    assert snapshot.broken == ()
    assert snapshot.servers.find(server.name).tools == {"read_file": "approval"}
