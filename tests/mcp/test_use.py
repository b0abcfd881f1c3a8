"""What agents do through servers, counted from the record and the same after a replay."""

import pytest

from mcp.models import AgentUse
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
