"""The tabs of an agent that explain its trust and its behaviour, as people see them."""

from types import SimpleNamespace

import pytest
from django.db import connection, transaction

from agents.models import TrustEvent
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from mcp.services.lifecycle import suspend_server
from mcp.services.tools import update_tool
from tests.factories.followers import follow_all
from tests.factories.mcp import make_proved_server, make_tool
from tests.verification.world import make_agent
from verification.behaviour.learning import learn_from
from verification.trust.bookkeeping import keep_books

pytestmark = pytest.mark.slow


def entries_of(made):
    rows = Entry.objects.filter(organization_id=made.agent.organization_id).order_by("recorded_at", "id")
    return [
        SimpleNamespace(seq=seq, id=row.id, kind=row.kind, organization_id=row.organization_id, body=read_entry(row))
        for seq, row in enumerate(rows, 1)
    ]


@pytest.mark.requirement("W4.8", "W4.9", "W2.11")
def test_trust_and_behaviour_are_clean_in_every_state(visit, cast):
    made = make_agent(cast.admin.actor, display_name="Claude Code Assistant")
    address = f"/dashboard/agents/{made.agent.public_id}"
    page = visit(f"{address}?tab=behaviour", cast.manager)
    page.get_by_text("Not enough traffic yet").first.wait_for()
    page.check_looks()
    made.ask_natively(made.body(data={"bytes": 2000}))
    for _ in range(6):
        made.ask_natively(made.body(action_type="file_delete"))
    entries = entries_of(made)
    learn_from([entry for entry in entries if entry.kind == Event.VERIFICATION_DECIDED][:1] * 300)
    with transaction.atomic():
        keep_books(entries)
    page.open(f"{address}?tab=behaviour")
    page.get_by_text("Enough is known").wait_for()
    page.check_looks("agent-behaviour")
    page.open(f"{address}?tab=trust")
    page.get_by_text("the chain holds").wait_for()
    page.check_looks("agent-trust")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_trustevent DISABLE TRIGGER USER")
        TrustEvent.objects.filter(agent_id=made.agent.id, number=1).update(reason="changed by hand")
        cursor.execute("ALTER TABLE agents_trustevent ENABLE TRIGGER USER")
    admin = visit(f"{address}?tab=trust", cast.admin)
    admin.get_by_role("button", name="Freeze it now").wait_for()
    admin.check_looks("agent-trust-broken")
    admin.get_by_role("button", name="Freeze it now").click()
    admin.get_by_text("The score is frozen").first.wait_for()
    admin.get_by_role("link", name="Set the score anew…").first.click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Score").fill("90")
    dialog.get_by_label("Reason").fill("Looked into it: restored from the backup")
    admin.check_looks("agent-trust-set")
    dialog.get_by_role("button", name="Set the score").click()
    admin.locator(".table-scroll").get_by_text("Looked into it: restored from the backup").wait_for()
    admin.check_looks()


@pytest.mark.requirement("W2.11")
def test_the_servers_that_an_agent_uses_and_may_use_are_clean(visit, cast):
    made = make_agent(cast.admin.actor, capabilities=["mcp.call"], display_name="Claude Code Assistant")
    address = f"/dashboard/agents/{made.agent.public_id}?tab=servers"
    page = visit(address, cast.viewer)
    page.get_by_text("has not asked to use an MCP server yet").wait_for()
    page.check()
    names = ("Filesystem MCP Server", "Slack Notifications", "A server with a long name that somebody has given it")
    servers = [make_proved_server(cast.admin.actor, display_name=name) for name in names]
    for server in servers:
        for tool in ("read_file", "write_file", "list_directory", "search"):
            tool_id = make_tool(server, tool).id
            update_tool(cast.admin.actor, server.id, tool_id, enabled=True, permission="auto")
            body = made.body(action_type="mcp_tool_call", mcp_server=server.name, tool=tool)
            made.ask_natively(body)
    suspend_server(cast.admin.actor, servers[1].id, reason="Its owner has left")
    follow_all("mcp_use")
    page.open(address)
    page.get_by_text("Not open to it").wait_for()
    page.check_looks("agent-servers")
    page.get_by_role("link", name="Slack Notifications").first.click()
    page.get_by_text("Its owner has left").first.wait_for()
