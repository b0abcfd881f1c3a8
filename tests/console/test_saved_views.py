"""Saved views and columns: whose they are, who sees and changes them, and what opens with them."""

import re

import pytest
from django.db import IntegrityError
from django.urls import reverse

from accounts.contracts import OPERATOR
from accounts.errors import PermissionDeniedError
from accounts.models import ListPreference, Role, SavedView
from accounts.services.members import remove_member
from accounts.services.saved_views import MOST, begin_with, change_view, choose_columns, save_view
from agents.columns import AGENT_LIST
from aim.errors import InvalidInputError, NotFoundError
from aim.ledger.events import Event
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.ledger import entries
from verification.columns import VERIFICATION_LIST

LIST = reverse("agents:agent-list")
NEW = reverse("accounts:view-new", args=["agents"])


def heads(response):
    text = re.sub(r"<[^>]+>", " ", " ".join(re.findall(r"<thead>.*?</thead>", response.content.decode(), re.DOTALL)))
    return " ".join(text.split())


def save(person, name="Waiting", *, query="status=pending", shared=False, columns=("trust",)):
    return save_view(person.actor, AGENT_LIST, name=name, query=query, columns=columns, shared=shared)


@pytest.fixture
def organization():
    return make_organization()


@pytest.fixture
def admin(organization):
    person = make_person(organization)
    make_agent(person.actor)
    return person


@pytest.fixture
def member(organization, admin):
    return make_person(organization, Role.MEMBER)


@pytest.mark.requirement("W2.1")
def test_a_view_keeps_what_the_address_shows_and_leads_back_to_it(admin):
    browser = browser_of(admin)
    said = browser.post(f"{NEW}?status=pending&sort=-name&after=xyz&d=1", {"name": "  Waiting   for keys "})
    address = said.headers["Location"]
    view = SavedView.objects.get(organization=admin.organization)
    assert (view.name, view.query, view.shared) == ("Waiting for keys", "status=pending&sort=-name", False)
    assert address.startswith(f"{LIST}?status=pending&sort=-name&columns=")
    assert address.endswith(f"&view={view.public_id}")
    page = browser.get(address).content.decode()
    assert '<span class="truncate">Waiting for keys</span>' in page
    assert "Changed since it was saved" not in page
    assert "Changed since it was saved" in browser.get(f"{address}&status=verified").content.decode()
    (entry,) = [entry for entry in entries(admin.organization.id) if entry["kind"] == Event.VIEW_SAVED]
    assert entry["data"]["list"] == "agents"
    assert entry["data"]["name"] == "Waiting for keys"


def test_a_name_is_needed_once_and_short(admin):
    browser = browser_of(admin)
    assert browser.post(NEW, {"name": " "}).status_code == 422
    save(admin)
    again = browser.post(NEW, {"name": "WAITING"})
    assert again.status_code == 422
    assert "You have a view of this name already." in again.content.decode()
    assert browser.post(NEW, {"name": "x" * 81}).status_code == 422
    with pytest.raises(IntegrityError):
        SavedView.objects.create(
            organization=admin.organization, owner=admin.membership, list_name="agents", name="waiting"
        )


def test_nobody_keeps_more_than_so_many(admin):
    for number in range(MOST):
        save(admin, f"View {number}")
    with pytest.raises(InvalidInputError, match="Remove one first"):
        save(admin, "One more")


@pytest.mark.requirement("R.1")
def test_another_organizations_view_does_not_exist(admin):
    theirs = save(make_person(make_organization()), "Theirs", shared=True)
    browser = browser_of(admin)
    for name in ("view-change", "view-replace", "view-remove"):
        address = reverse(f"accounts:{name}", args=["agents", theirs.public_id])
        assert browser.post(address, {"name": "Mine"}).status_code == 404
    assert (
        browser.post(reverse("accounts:view-default", args=["agents"]), {"view": theirs.public_id}).status_code == 404
    )
    assert "Theirs" not in browser.get(f"{LIST}?view={theirs.public_id}").content.decode()
    assert browser.get(reverse("accounts:views", args=["no-such-list"])).status_code == 404
    theirs.refresh_from_db()
    assert theirs.name == "Theirs"


@pytest.mark.requirement("R.2")
def test_one_that_is_shared_is_everybodys_to_see_and_its_owners_to_change(organization, admin, member):
    private = save(member, "Private")
    shared = save(member, "Ours", shared=True)
    viewer = make_person(organization, Role.VIEWER)
    page = browser_of(viewer).get(LIST).content.decode()
    assert "Ours" in page
    assert "Private" not in page
    address = reverse("accounts:view-change", args=["agents", shared.public_id])
    assert browser_of(viewer).post(address, {"name": "Stolen", "shared": "on"}).status_code == 404
    # An admin keeps order among what everybody sees, and does not see the rest.
    assert browser_of(admin).post(address, {"name": "Renamed", "shared": "on"}).status_code == 200
    with pytest.raises(NotFoundError):
        change_view(admin.actor, private.id, name="Seen", shared=False)
    shared.refresh_from_db()
    assert shared.name == "Renamed"
    with pytest.raises(PermissionDeniedError):
        save(viewer, "Everybody's", shared=True)


def test_a_shared_view_outlives_its_owners_membership(organization, admin, member):
    save(member, "Private")
    shared = save(member, "Ours", shared=True)
    remove_member(OPERATOR, member.user.id, organization_id=organization.id)
    assert [view.name for view in SavedView.objects.filter(organization=organization)] == ["Ours"]
    with pytest.raises(InvalidInputError, match="has left"):
        change_view(admin.actor, shared.id, name="Ours", shared=False)
    gone = browser_of(admin).post(reverse("accounts:view-remove", args=["agents", shared.public_id]))
    assert gone.status_code == 200
    assert not SavedView.objects.filter(organization=organization).exists()


@pytest.mark.requirement("W2.1")
def test_a_list_begins_with_the_persons_view_and_all_rows_stay_in_reach(admin, member):
    view = save(member, shared=True)
    begin_with(member.actor, AGENT_LIST, view.id)
    browser = browser_of(member)
    opened = browser.get(LIST)
    assert opened.status_code == 302
    assert "status=pending" in opened.headers["Location"]
    everything = browser.get(f"{LIST}?view=all")
    assert everything.status_code == 200
    assert f'href="{LIST}?view=all"' in everything.content.decode()
    # It is their choice alone, and ends when the view is no longer theirs to see.
    assert browser_of(admin).get(LIST).status_code == 200
    begin_with(admin.actor, AGENT_LIST, view.id)
    change_view(member.actor, view.id, name="Waiting", shared=False)
    assert browser_of(admin).get(LIST).status_code == 200
    with pytest.raises(NotFoundError):
        begin_with(admin.actor, AGENT_LIST, view.id)
    with pytest.raises(NotFoundError):
        begin_with(member.actor, VERIFICATION_LIST, view.id)


@pytest.mark.requirement("W2.1")
def test_columns_are_kept_per_person_and_those_of_the_address_win(admin, member):
    browser = browser_of(admin)
    usual = heads(browser.get(LIST))
    assert "Version" in usual
    assert "Registered" not in usual
    columns = reverse("accounts:columns", args=["agents"])
    back = f"{LIST}?status=pending&columns=version"
    said = browser.post(f"{columns}?choose=trust.registered.no_such_column", {"back": back})
    assert (said.status_code, said.headers["Location"]) == (303, f"{LIST}?status=pending")
    chosen = heads(browser.get(LIST))
    assert chosen.split() == ["Select", "all", "on", "this", "page", "Agent", "Status", "Trust", "Registered"]
    assert heads(browser.get(f"{LIST}?columns=version")).endswith("Agent Version Status")
    assert heads(browser_of(member).get(LIST)) == usual.removeprefix("Select all on this page ")
    browser.post(columns, {"back": "https://elsewhere.example/dashboard/agents"})
    assert heads(browser.get(LIST)) == usual
    assert ListPreference.objects.get(membership=admin.membership).columns is None
    choose_columns(admin.actor, AGENT_LIST, ["registered"])
    assert ListPreference.objects.get(membership=admin.membership).columns == ["agent", "status", "registered"]


@pytest.mark.parametrize("back", ["//elsewhere.example", "https://elsewhere.example", "/dashboard/settings", ""])
def test_after_a_choice_no_foreign_address_is_led_to(admin, back):
    said = browser_of(admin).post(f"{reverse('accounts:columns', args=['agents'])}?choose=trust", {"back": back})
    assert said.headers["Location"] == LIST
