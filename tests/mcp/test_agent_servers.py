"""What an agent's page says of the MCP servers it uses and may use, held against what decisions say."""

import re

import pytest
from django.urls import reverse

from accounts.models import Role
from mcp.agent_tab import connected_servers, may_use, open_servers
from mcp.models import AgentToolUse
from mcp.services.lifecycle import suspend_server
from mcp.services.registration import update_server
from mcp.services.tools import update_tool
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all, replay_all
from tests.factories.mcp import make_proved_server, make_server, make_tool
from tests.verification.world import make_agent


@pytest.fixture
def admin():
    return make_person(make_organization())


def page(person, agent):
    answer = signed_in_browser(person).get(
        reverse("agents:agent-detail", args=[agent.agent.public_id]), {"tab": "servers"}
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode().partition("<main")[2]))


def body_of(agent, server, tool="read_file"):
    return agent.body(action_type="mcp_tool_call", mcp_server=server.public_id, tool=tool)


def call(agent, server, tool="read_file"):
    return agent.ask_natively(body_of(agent, server, tool)).json()


def switched_on(admin, server, name="read_file", permission="auto"):
    tool = make_tool(server, name)
    update_tool(admin.actor, server.id, tool.id, enabled=True, permission=permission)
    return tool


@pytest.mark.requirement("W2.11")
def test_the_page_names_the_servers_an_agent_has_used_and_those_it_may_use(admin):
    files = make_proved_server(admin.actor, display_name="Files")
    mail = make_proved_server(admin.actor, display_name="Mail <b>")
    make_proved_server(admin.actor, display_name="Shut", allowed_agents=[make_agent(admin.actor).agent.public_id])
    make_server(admin.actor, display_name="Unproved")
    make_proved_server(make_person(make_organization()).actor, display_name="Stranger")
    switched_on(admin, files)
    switched_on(admin, files, "write_file", "approval")
    switched_on(admin, mail, "send")
    agent, other = (make_agent(admin.actor, capabilities=["mcp.call"]) for _ in range(2))
    assert "has not asked to use an MCP server yet" in page(admin, agent)
    for report in ({"status": "success", "duration_ms": 4}, {"status": "failure", "duration_ms": 6, "error": "no"}):
        made = call(agent, files)
        answer = Api(agent.api_key).post(f"/verify/{made['verification_id']}/complete", report)
        assert answer.status_code == 200, answer.content
    call(agent, files, "write_file")
    call(agent, files, "invented")
    call(other, mail, "send")
    follow_all("mcp_use")

    [found] = connected_servers(admin.actor, agent.agent)
    assert (found.server, found.use.requests, found.use.approved, found.use.success_share) == (files, 4, 2, 50.0)
    assert [(use.tool.name, use.requests, use.approved) for use in found.tools] == [
        ("read_file", 2, 2),
        ("write_file", 1, 0),
    ]
    usable = open_servers(admin.actor, agent.agent)
    assert [(row.server, row.automatic, row.approval, row.connected) for row in usable] == [
        (files, 1, 1, True),
        (mail, 1, 0, False),
    ]
    shown = page(admin, agent)
    assert re.search(r"Files Active Verified – read_file 2 write_file 1 4 50\.0 % now", shown), shown
    assert "Mail &lt;b&gt;" in shown
    assert "1 approved at once, 1 need approval" in shown
    assert all(name not in shown for name in ("Shut", "Unproved", "Stranger", "Not open to it"))
    suspend_server(admin.actor, files.id, reason="test")
    shown = page(admin, agent)
    assert "Files Not open to it Suspended" in shown
    assert "no capability for MCP servers" not in shown
    assert "no capability for MCP servers" in page(admin, make_agent(admin.actor, capabilities=["file_system.read"]))


@pytest.mark.requirement("W2.11")
def test_it_says_of_a_server_what_decisions_say(admin):
    agent = make_agent(admin.actor, capabilities=["mcp.call"])
    server = make_proved_server(admin.actor)
    switched_on(admin, server)

    def said():
        server.refresh_from_db()
        listed = server in [row.server for row in open_servers(admin.actor, agent.agent)]
        assert listed == may_use(agent.agent, server)
        return listed, call(agent, server)["status"]

    assert said() == (True, "approved")
    update_server(admin.actor, server.id, changes={"allowed_agents": [make_agent(admin.actor).agent.public_id]})
    assert said() == (False, "denied")
    update_server(admin.actor, server.id, changes={"allowed_agents": [agent.agent.public_id]})
    assert said() == (True, "approved")
    suspend_server(admin.actor, server.id, reason="test")
    assert said() == (False, "denied")


@pytest.mark.requirement("W2.11", "R.1")
def test_hostile_names_of_tools_are_counted_nowhere_and_stop_nobody(admin):
    server = make_proved_server(admin.actor)
    agent = make_agent(admin.actor, capabilities=["mcp.call"])
    tool = switched_on(admin, server)
    asked = call(agent, server)
    for name in ("\0", 'a"b', "\\", "{}", "NULL", "x" * 200):
        Api(agent.api_key).post("/verify/action", body_of(agent, server, name))
    Api(agent.api_key).post("/verify/action", body_of(agent, server) | {"mcp_server": "\0"})
    assert asked["status"] == "approved"
    follow_all("mcp_use")

    def counted():
        rows = AgentToolUse.objects.filter(agent_id=agent.agent.id)
        return list(rows.values_list("tool_id", "requests", "approved"))

    assert counted() == [(tool.id, 1, 1)]
    replay_all("mcp_use")
    assert counted() == [(tool.id, 1, 1)]
    stranger = make_person(make_organization())
    assert connected_servers(stranger.actor, agent.agent) == []


@pytest.mark.requirement("W2.11")
def test_the_page_asks_the_database_as_often_for_many_servers(admin, django_assert_max_num_queries):
    agent = make_agent(admin.actor, capabilities=["mcp.call"])
    for _ in range(6):
        server = make_proved_server(admin.actor)
        switched_on(admin, server)
        call(agent, server)
    follow_all("mcp_use")
    with django_assert_max_num_queries(8):
        assert len(connected_servers(admin.actor, agent.agent)) == len(open_servers(admin.actor, agent.agent)) == 6
    member = make_person(admin.organization, role=Role.MEMBER)
    assert "Connected MCP servers" in page(member, agent)
