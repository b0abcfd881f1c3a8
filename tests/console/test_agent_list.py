import re
from datetime import timedelta
from itertools import cycle

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from agents import registry
from agents.models import Agent, AgentRuntime, AgentStatus
from agents.registry import Filters, listing_for, registry_of
from agents.registry_counts import tallies_of
from agents.services.lifecycle import revoke_agent, suspend_agent
from aim import clock
from aim.ids import uuid7
from aim.ledger.events import Event
from tests.console.decisions import decided
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.ledger import recorded
from verification.models import Rollup

LIST = reverse("agents:agent-list")
SUSPEND = reverse("agents:agents-bulk", args=["suspend"])


@pytest.fixture
def admin():
    return make_person(make_organization())


def names(response):
    return re.findall(r'<(?:span|a) class="name[^"]*"[^>]*>([^<]+)</', response.content.decode())


def figures(response):
    text = response.content.decode()
    return dict(re.findall(r'<span class="label">([^<]+)</span>\s*<span class="value">([^<]+)</span>', text))


@pytest.fixture
def fleet(admin):
    return make_fleet(admin)


@pytest.fixture(scope="module")
def still_fleet(_database):
    """For tests that look and change nothing."""
    return make_fleet(make_person(make_organization()))


def make_fleet(admin):
    """One of each state: who has a key, who is trusted, who has an owner."""
    actor = admin.actor
    make_verified_agent(actor, display_name="Trusted", capabilities=["database.read"])
    low = make_verified_agent(actor, display_name="Doubted", agent_type="mcp_server").agent
    Agent.objects.get(id=low.id).runtime.__class__.objects.filter(agent=low).update(trust_score=55)
    make_agent(actor, display_name="Waiting", with_key=False, description="Reads the invoices")
    stopped = make_verified_agent(actor, display_name="Stopped").agent
    suspend_agent(actor, stopped.id, reason="Odd.")
    gone = make_agent(actor, display_name="Gone", with_key=False).agent
    revoke_agent(actor, gone.id, reason="Replaced.")
    Agent.objects.filter(id=gone.id).update(owner=None)
    return admin


@pytest.mark.requirement("W2.1")
def test_the_figures_are_counts_of_all_agents(still_fleet):
    client = browser_of(still_fleet)
    everything = figures(client.get(LIST))
    assert everything == {
        "Registered": "5",
        "Verified": "2",
        "Pending Verification": "1",
        "Suspended": "1",
        "Below minimum trust": "1",
        "Without a key": "1",
    }
    assert figures(client.get(LIST, {"q": "trusted", "status": "suspended"})) == everything


@pytest.mark.requirement("W2.1")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Doubted", "Gone", "Stopped", "Trusted", "Waiting"]),
        ("sort=-name", ["Waiting", "Trusted", "Stopped", "Gone", "Doubted"]),
        ("status=pending&status=suspended", ["Stopped", "Waiting"]),
        ("status=verified&trust=low", ["Doubted"]),
        ("trust=none", ["Gone", "Waiting"]),
        ("key=none", ["Gone", "Waiting"]),
        ("key=ed25519", ["Doubted", "Stopped", "Trusted"]),
        ("owner=none", ["Gone"]),
        ("type=mcp_server", ["Doubted"]),
        ("capability=database.read", ["Trusted"]),
        ("q=INVOICE", ["Waiting"]),
        ("q=database", ["Trusted"]),
        ("q=%25", []),
        ("q=nothing-of-the-kind", []),
        ("status=nonsense&key=%00&owner=usr_0", ["Doubted", "Gone", "Stopped", "Trusted", "Waiting"]),
        ("sort=-trust", ["Trusted", "Stopped", "Doubted", "Waiting", "Gone"]),
    ],
)
def test_filters_and_orders_work_on_all_rows(still_fleet, query, expected):
    response = browser_of(still_fleet).get(f"{LIST}?{query}")
    found = names(response)
    assert found == expected if "trust" not in query else sorted(found) == sorted(expected)
    assert f"<b>{len(expected)}</b>" in response.content.decode()


def test_every_figure_leads_to_its_rows(still_fleet):
    client = browser_of(still_fleet)
    page = client.get(LIST)
    links = re.findall(r'class="figure" href="([^"]+)".*?class="value">(\d+)', page.content.decode(), re.DOTALL)
    assert len(links) == 6
    for address, count in links:
        shown = client.get(address.replace("&amp;", "&")).content.decode()
        found = re.search(r"<b>(\d+)</b>", shown[shown.index('class="end"') :])
        if "key=none" in address:
            assert int(found[1]) >= int(count)
        else:
            assert found[1] == count, address


def test_the_counts_of_a_filter_are_those_that_choosing_leads_to(still_fleet):
    client = browser_of(still_fleet)
    page = client.get(LIST, {"type": "mcp_server", "status": "suspended"}).content.decode()
    counts = dict(re.findall(r'name="status" value="(\w+)".*?<span class="count">(\d+)</span>', page, re.DOTALL))
    assert counts == {"verified": "1", "pending": "0", "suspended": "0", "revoked": "0"}


@pytest.mark.requirement("R.1")
def test_another_organizations_agents_are_not_there(fleet):
    other = make_person(make_organization())
    assert "No agents yet" in browser_of(other).get(LIST).content.decode()
    agent = Agent.objects.get(organization=fleet.organization, display_name="Trusted")
    fields = {"agent": agent.public_id, "confirmed": "yes", "reason": "Theirs."}
    browser_of(other).post(SUSPEND, fields)
    agent.refresh_from_db()
    assert agent.status == AgentStatus.VERIFIED


def test_hostile_text_is_text(admin):
    name = "<script>alert(1)</script>"
    make_agent(admin.actor, display_name=name, description="{{ 7|add:7 }}")
    page = browser_of(admin).get(LIST, {"q": name, "sort": name, "after": name}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_makes_the_same_number_of_queries_however_many_rows(admin):
    client = browser_of(admin)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        return len(captured)

    make_agent(admin.actor)
    few = queries()
    for _ in range(12):
        make_verified_agent(admin.actor)
    assert queries() == few <= 18


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", list(Role))
def test_the_role_decides_who_changes_many(fleet, role):
    person = make_person(fleet.organization, role)
    client = browser_of(person)
    page = client.get(LIST)
    assert page.status_code == 200
    allowed = role in {Role.ADMIN, Role.MANAGER}
    assert ("data-bulk-form" in page.content.decode()) is allowed
    agent = Agent.objects.get(organization=fleet.organization, display_name="Trusted")
    fields = {"agent": agent.public_id, "confirmed": "yes", "reason": "For a test."}
    with recorded(fleet.organization.id, *([Event.AGENT_SUSPENDED] if allowed else [])):
        response = client.post(SUSPEND, fields)
    assert response.status_code == (303 if allowed else 403)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
def test_without_a_good_reason_nothing_is_changed(fleet, reason):
    agent = Agent.objects.get(organization=fleet.organization, display_name="Trusted")
    response = browser_of(fleet).post(SUSPEND, {"agent": agent.public_id, "confirmed": "yes", "reason": reason})
    assert response.status_code == 422
    assert "aria-invalid" in response.content.decode()
    agent.refresh_from_db()
    assert agent.status == AgentStatus.VERIFIED


def test_a_change_leads_back_to_the_list_it_came_from_and_nowhere_else(fleet):
    client = browser_of(fleet)
    agent = Agent.objects.get(organization=fleet.organization, display_name="Trusted")
    fields = {"agent": [agent.public_id, "agt_nonsense", ""], "confirmed": "yes", "reason": "For a test."}
    back = f"{LIST}?status=verified"
    assert client.post(SUSPEND, {**fields, "back": back}).headers["Location"] == back
    for elsewhere in ("https://evil.example/", f"{LIST}.evil.example", "//evil.example", "javascript:alert(1)"):
        assert client.post(SUSPEND, {**fields, "back": elsewhere}).headers["Location"] == LIST


def test_calls_and_denials_are_those_of_the_statistics(admin):
    agent = make_verified_agent(admin.actor).agent
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for status, at, count in (
        ("approved", hour, 30),
        ("denied", hour - timedelta(hours=23), 10),
        ("denied", hour - timedelta(hours=24), 500),
    ):
        Rollup.objects.create(
            organization_id=admin.organization.id,
            granularity="hour",
            period=at,
            agent_id=agent.id,
            action_type="file_read",
            status=status,
            count=count,
            duration_us=5,
            latency=[],
        )
    page = browser_of(admin).get(LIST).content.decode()
    assert '<span class="figure-of-calls">40</span>' in page
    assert "25.0 %" in page


def test_the_last_call_is_that_of_the_newest_decision(admin):
    agent = make_verified_agent(admin.actor).agent
    decided(agent, clock.now() - timedelta(hours=3))
    page = browser_of(admin).get(LIST).content.decode()
    assert re.search(r"<time[^>]*>3 h</time>", page)
    # The statistics have not come to it yet, and 0 would be wrong.
    assert "not measured yet" in page


def many_owners(admin) -> list[Agent]:
    """130 agents of five people and of nobody."""
    people = [admin, *(make_person(admin.organization, Role.MEMBER) for _ in range(4))]
    first = make_agent(admin.actor, with_key=False).agent
    fields = {field.attname: getattr(first, field.attname) for field in Agent._meta.concrete_fields}
    fields.pop("search_text")
    copies = [
        Agent(**{**fields, "id": uuid7(), "name": f"copy-{number}", "owner_id": owner and owner.user.id})
        for number, owner in zip(range(129), cycle([*people, None]), strict=False)
    ]
    Agent.objects.bulk_create(copies)
    scores = cycle([None, 100, 55.5, 70, 3])
    AgentRuntime.objects.bulk_create(
        AgentRuntime(agent=copy, organization_id=copy.organization_id, trust_score=next(scores)) for copy in copies
    )
    return [first, *copies]


@pytest.fixture(scope="module")
def owned(_database):
    """The admin of the 130."""
    admin = make_person(make_organization())
    many_owners(admin)
    return admin


@pytest.mark.requirement("W2.1")
@pytest.mark.parametrize("sort", ["owner", "-owner", "trust", "-trust"])
@pytest.mark.parametrize(
    ("more", "few"),
    [
        ("", 0),
        ("&status=pending&trust=none", 0),
        ("&status=pending&trust=none", 1000),
        ("&trust=low", 0),
        ("&trust=enough", 0),
        ("&trust=low&trust=none", 0),
    ],
)
def test_pages_by_owner_and_trust_show_every_row_once_in_order_and_back(owned, monkeypatch, sort, more, few):
    """Many are walked along the order, few are sorted."""
    monkeypatch.setattr(registry, "_FEW", few)

    def page(place=""):
        query = QueryDict(f"sort={sort}{more}{place}")
        filters = Filters.read(owned.actor, query)
        _everything, found = tallies_of(owned.actor, filters)
        return listing_for(owned.actor, query, filters, total=found.total(filters), owners=found.owners(filters))

    first = page()
    pages = [first]
    while pages[-1].page.next:
        pages.append(page(f"&after={pages[-1].page.next}"))
    seen = [row.agent.id for listing in pages for row in listing.rows]
    order, sign = first.order, "-" if sort.startswith("-") else ""
    everything = first.filters.narrow(registry_of(owned.actor)).order_by(f"{sign}{order.field}", f"{sign}id")
    assert seen == list(everything.values_list("id", flat=True))
    assert first.page.total == len(seen)
    if len(pages) > 1:
        back = page(f"&before={pages[1].page.previous}")
        assert [row.agent.id for row in back.rows] == [row.agent.id for row in first.rows]


def test_a_page_by_owner_looks_at_few_owners_and_one_by_trust_at_an_index(owned):
    client = browser_of(owned)
    with CaptureQueriesContext(connection) as captured:
        client.get(f"{LIST}?sort=owner")
    [sql] = [query["sql"] for query in captured.captured_queries if "LIMIT 51" in query["sql"]]
    assert sql.count("::uuid", sql.index('"owner_id" IN')) < 6
    with CaptureQueriesContext(connection) as captured:
        client.get(f"{LIST}?sort=-trust")
    [sql] = [query["sql"] for query in captured.captured_queries if "LIMIT 51" in query["sql"]]
    with connection.cursor() as cursor:
        # So few rows are sorted sooner than looked up: the question is whether the index could serve. Whatever the
        # planner was told of the tables before, it knows of these rows.
        cursor.execute("ANALYZE agents_agent, agents_agentruntime, accounts_user")
        cursor.execute("SET enable_sort = off")
        cursor.execute("SET enable_incremental_sort = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_sort")
        cursor.execute("RESET enable_incremental_sort")
    assert "runtime_by_trust" in plan
    assert "Sort" not in plan


@pytest.mark.requirement("W2.7", "W2.8")
def test_a_new_agent_stands_out_and_a_waiting_one_is_verified_from_its_row(fleet):
    waiting = Agent.objects.get(organization=fleet.organization, display_name="Waiting")
    shown = browser_of(fleet).get(f"{LIST}?new={waiting.public_id}").content.decode()
    assert f'<tr id="{waiting.public_id}" class="row-new">' in shown
    assert shown.count("row-new") == 1
    verify = reverse("agents:agent-verify", args=[waiting.public_id])
    assert shown.count(f'hx-get="{verify}"') == 1
    assert shown.count('aria-label="Verify ') == 1
    viewer = make_person(fleet.organization, Role.VIEWER)
    assert verify not in browser_of(viewer).get(LIST).content.decode()
