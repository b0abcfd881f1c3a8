"""The crypto report by the API: asked for, followed, fetched, and nobody else's."""

import hashlib
import json

import pytest

from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from aim.reports.making import make_report
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import make_verified_agent
from tests.factories.api import Api
from tests.factories.ledger import recorded
from tests.factories.mcp import make_server


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.mark.requirement("W10.5")
@pytest.mark.parametrize("form", ["json", "pdf"])
def test_a_report_is_asked_for_followed_and_fetched(admin, form):
    server, viewer = make_server(admin.actor), Api(make_person(admin.organization, Role.VIEWER).token)
    path = f"/mcp-servers/{server.public_id}/reports"
    chosen = {"sections": ["compliance", "key"], "format": form}
    for role in (Role.VIEWER, Role.MEMBER):
        assert Api(make_person(admin.organization, role).token).post(path, chosen).status_code == 403
    asked = Api(make_person(admin.organization, Role.MANAGER).token).post(path, chosen)
    assert asked.status_code == 202, asked.content
    report = asked.json()
    assert (report["state"], report["progress"], report["sections"]) == ("waiting", 0, ["key", "compliance"])
    held = f"{path}/{report['id']}"
    assert viewer.get(f"{held}/file").status_code == 409
    with recorded(admin.organization.id, Event.MCP_REPORT_MADE):
        make_report(parse_id(IdKind.REPORT_FILE, report["id"]))
    done = viewer.get(held).json()
    assert (done["state"], done["progress"], done["format"]) == ("done", 100, form)
    file = viewer.get(f"{held}/file")
    assert hashlib.sha256(file.content).hexdigest() == done["sha256"]
    assert done["file_name"] in file["Content-Disposition"]
    if form == "json":
        data = json.loads(file.content)
        assert (data["report"]["id"], "agents" in data) == (report["id"], False)
    else:
        assert file.content.startswith(b"%PDF-")
    assert [row["id"] for row in viewer.get(path).json()["results"]] == [report["id"]]


@pytest.mark.requirement("R.1")
def test_a_report_belongs_to_its_server_and_its_organization(admin):
    server, other = make_server(admin.actor), make_server(admin.actor)
    api = Api(admin.token)
    path = f"/mcp-servers/{server.public_id}/reports"
    for wrong in ({"sections": []}, {"sections": ["secrets"]}, {"format": "exe"}, {"more": 1}):
        assert api.post(path, wrong).status_code == 400
    report = api.post(path, {}).json()
    assert len(report["sections"]) == 5
    assert api.get(f"/mcp-servers/{other.public_id}/reports/{report['id']}").status_code == 404
    stranger = Api(make_person(make_organization()).token)
    for address in (path, f"{path}/{report['id']}", f"{path}/{report['id']}/file"):
        assert stranger.get(address).status_code == 404
    assert stranger.post(path, {}).status_code == 404
    agent = Api(make_verified_agent(admin.actor).api_key)
    assert agent.post(path, {}).status_code in {403, 404}
