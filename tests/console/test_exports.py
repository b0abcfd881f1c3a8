"""Lists as files: all rows that the filters let through, safe in a spreadsheet, recorded, and with flat memory."""

import csv
import io

import pytest
from django.db import connection
from django.urls import reverse

from accounts.models import Role
from agents.columns import AGENT_LIST
from agents.exports import lines_for
from aim import clock
from aim.console import exports
from aim.console.exports import ExportsBusyError, csv_response, text
from aim.ids import IdKind, show_id, uuid7
from aim.ledger.events import Event
from tests.console.decisions import decided
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.followers import follow_all
from tests.factories.ledger import entries
from tests.verification.world import make_agent as make_asking_agent
from verification.models import Verification

AGENTS = reverse("agents:agents-export")
VERIFICATIONS = reverse("verification:verifications-export")


def lines(response):
    assert response.status_code == 200, response.content
    content = b"".join(response).decode()
    return list(csv.DictReader(io.StringIO(content)))


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.mark.requirement("W2.1")
def test_the_file_has_all_agents_that_the_filters_let_through_in_the_lists_order(admin):
    for name in ("Beta", "Alpha", "Gamma"):
        make_agent(admin.actor, display_name=name, with_key=name == "Beta")
    make_verified_agent(admin.actor, display_name="Delta", capabilities=["file_system.read", "database.read"])
    make_agent(make_person(make_organization()).actor, display_name="Foreign")
    browser = browser_of(admin)
    response = browser.post(f"{AGENTS}?status=pending&sort=-name&after=ignored")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="aim-agents-')
    assert "no-store" in response.headers["Cache-Control"]
    assert [line["display_name"] for line in lines(response)] == ["Gamma", "Beta", "Alpha"]
    (delta,) = lines(browser.post(f"{AGENTS}?status=verified"))
    assert delta["capabilities"] == "file_system.read database.read"
    assert (delta["owner"], delta["key_type"]) == (admin.user.email, "ed25519")
    assert delta["id"].startswith("agt_")
    kept = [entry for entry in entries(admin.organization.id) if entry["kind"] == Event.LIST_EXPORTED]
    assert [entry["data"]["query"] for entry in kept] == ["status=pending&sort=-name", "status=verified"]


@pytest.mark.requirement("W5.1")
def test_the_file_of_decisions_goes_beyond_what_a_text_counts(admin):
    agent = make_asking_agent(admin.actor, name="reader", display_name="Reader")
    for number in range(3):
        agent.ask_natively(agent.body(resource=f"/app/quarterly/{number}.csv"))
    agent.ask_natively(agent.body(resource="/etc/passwd"))
    follow_all("statistics")
    follow_all("documents")
    browser = browser_of(admin)
    found = lines(browser.post(f"{VERIFICATIONS}?q=quarterly"))
    assert [line["resource"] for line in found] == [f"/app/quarterly/{number}.csv" for number in (2, 1, 0)]
    assert {line["agent"] for line in found} == {"Reader"}
    assert found[0]["time"].endswith("Z")
    assert [line["resource"] for line in lines(browser.post(f"{VERIFICATIONS}?status=denied"))] == ["/etc/passwd"]
    assert len(lines(browser.post(f"{VERIFICATIONS}?q=quarterly&sort=time"))) == 3


@pytest.mark.parametrize(
    "typed",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A"],
)
def test_what_a_spreadsheet_would_run_becomes_text(typed):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {text('t')} FROM (SELECT %s::text) AS given(t)", [typed])
        assert cursor.fetchone() == (f"'{typed}",)


@pytest.mark.parametrize("harmless", ["", "plain", "/app/-x", "'quoted", 'a "b", c', "zwei\nZeilen"])
def test_other_text_stays_as_it_is(harmless):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {text('t')} FROM (SELECT %s::text) AS given(t)", [harmless])
        assert cursor.fetchone() == (harmless,)


def test_hostile_text_survives_the_way_into_the_file(admin):
    make_agent(
        admin.actor, with_key=False, display_name='=HYPERLINK("http://evil.example","x")', description='a "b",\nc'
    )
    (line,) = lines(browser_of(admin).post(AGENTS))
    assert line["display_name"] == '\'=HYPERLINK("http://evil.example","x")'
    assert line["description"] == 'a "b",\nc'


def test_a_decision_names_its_agent_safely_and_keeps_its_id_when_that_is_gone(admin):
    known, gone = make_agent(admin.actor, display_name="=1+1", name="known").agent, uuid7()
    first = decided(known, clock.now())
    second = decided(known, clock.now())
    Verification.objects.filter(id=second.id).update(agent_id=gone)
    found = {line["id"]: line for line in lines(browser_of(admin).post(f"{VERIFICATIONS}?range=24h"))}
    assert found[first.public_id]["agent_id"] == known.public_id
    assert found[first.public_id]["agent"] == "'=1+1"
    assert found[second.public_id]["agent_id"] == show_id(IdKind.AGENT, gone)
    assert found[second.public_id]["agent"] == ""


@pytest.mark.requirement("R.2")
def test_a_file_is_no_address_to_be_led_to_and_everybody_who_sees_the_list_may_take_it(admin):
    make_agent(admin.actor)
    viewer = browser_of(make_person(admin.organization, Role.VIEWER))
    assert viewer.get(AGENTS).status_code == 405
    assert len(lines(viewer.post(AGENTS))) == 1


def test_what_cannot_be_recorded_is_not_handed_out(admin):
    make_agent(admin.actor)
    response = browser_of(admin).post(f"{AGENTS}?q={'x' * 2500}")
    assert response.status_code == 303
    assert all(entry["kind"] != Event.LIST_EXPORTED for entry in entries(admin.organization.id))


def test_only_so_many_at_once_and_the_next_once_one_has_ended(admin, rf):
    make_agent(admin.actor)
    parameters = rf.get("/").GET
    held = [csv_response("a.csv", lines_for(admin.actor, parameters)) for _ in range(exports.MOST_AT_ONCE)]
    with pytest.raises(ExportsBusyError):
        csv_response("a.csv", lines_for(admin.actor, parameters))
    busy = browser_of(admin).post(AGENTS)
    assert busy.status_code == 303
    for response in held:
        assert len(lines(response)) == 1
    assert len(lines(browser_of(admin).post(AGENTS))) == 1


def test_every_list_offers_its_file(admin):
    make_agent(admin.actor)
    page = browser_of(admin).get(f"{reverse(AGENT_LIST.url_name)}?status=pending").content.decode()
    assert f'formaction="{AGENTS}?status=pending"' in page


def test_the_pieces_come_one_by_one_and_not_all_at_once(admin, rf, monkeypatch):
    """Held back until somebody takes them, so that a process never has the whole file."""
    for _ in range(3):
        make_agent(admin.actor)
    monkeypatch.setattr(exports, "PIECE", 1)
    response = csv_response("a.csv", lines_for(admin.actor, rf.get("/").GET))
    assert not response.is_async
    pieces = iter(response)
    assert next(pieces).startswith(b"id,name,")
    assert next(pieces).startswith(b"agt_")
    response.close()
    with pytest.raises(ConnectionAbortedError):
        next(pieces)
