import pytest
from django.db import transaction

from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from aim.ledger.models import Entry
from mcp.services.events import Kind, Severity, note
from tests.factories.accounts import make_organization, make_person
from tests.factories.mcp import make_server


@pytest.fixture
def server():
    return make_server(make_person(make_organization()).actor)


def test_an_event_is_listed_with_what_explains_it(server):
    with transaction.atomic():
        note(server, Kind.HEALTH, Severity.LOW, "Health check failed", {"error_code": "timeout"})
    [row] = server.security_events.all()
    assert (row.kind, row.severity, row.text) == ("health", "low", "Health check failed")
    assert row.data == {"error_code": "timeout"}
    assert not Entry.objects.filter(subject_id=server.id).exclude(kind=Event.MCP_SERVER_REGISTERED).exists()


def test_an_event_that_must_be_proved_names_its_ledger_entry(server):
    with transaction.atomic():
        note(server, Kind.SUSPENSION, Severity.HIGH, "Suspended", {"days": 1}, event=Event.MCP_SERVER_SUSPENDED)
    [row] = server.security_events.all()
    entry = Entry.objects.get(id=parse_id(IdKind.ENTRY, row.data["entry"]))
    assert (entry.kind, entry.organization_id) == (Event.MCP_SERVER_SUSPENDED, server.organization_id)
