import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Role
from accounts.services.organizations import update_organization
from aim import clock
from aim.console.navigation import Entry, Group, entries_for, register_entry
from tests.console.decisions import decided
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.browser import new_browser

LIST = reverse("agents:agent-list")
FIND = reverse("find")
PREFERENCES = reverse("preferences")
SWITCH = reverse("accounts:organization-switch")
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_shows_what_the_role_may_open_and_marks_the_page(admin, role):
    person = make_person(admin.organization, role)
    page = browser_of(person).get(LIST).content.decode()
    shown = re.findall(r'class="nav-item"\s+href="([^"]+)"', page)
    assert shown == [reverse(entry.url_name) for entry in entries_for(person.actor)]
    assert re.findall(r'href="([^"]+)"[^>]*aria-current="page"', page) == [LIST]


def test_a_page_stands_in_the_navigation_once():
    entry = Entry("agents:agent-list", "Again", "bot", Group.ASSURE, 1, "agents:read")
    with pytest.raises(ValueError, match="already"):
        register_entry(entry)


def test_a_part_of_a_page_is_the_same_source_as_the_page(admin):
    make_agent(admin.actor, display_name="Claims Summarizer")
    client = browser_of(admin)
    page = client.get(LIST).content.decode()
    part = client.get(LIST, headers={**HTMX, "HX-Target": "aim-selection#agents"}).content.decode()
    assert "<html" not in part
    assert '<span class="label">Registered</span>' not in part
    start, end = page.index("<aim-selection"), page.index("</aim-selection>")
    without_token = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]+')
    assert without_token.sub("", part.strip()).startswith(without_token.sub("", page[start:end]).strip())


@pytest.mark.parametrize(
    "headers",
    [
        {**HTMX, "HX-Target": "body"},
        {"HX-Request": "true", "HX-Request-Type": "full"},
        {**HTMX, "HX-Target": "x#unknown"},
    ],
)
def test_whatever_else_is_asked_for_is_a_whole_page(admin, headers):
    assert "<html" in browser_of(admin).get(LIST, headers=headers).content.decode()


def test_a_part_that_is_asked_for_without_a_session_leads_to_signing_in():
    response = new_browser().get(LIST, headers={**HTMX, "HX-Current-URL": f"http://testserver{LIST}?q=x"})
    assert response.status_code == 401
    assert response.content == b""
    assert response.headers["HX-Redirect"] == f"{reverse('accounts:login')}?next={LIST}%3Fq%3Dx"


def test_a_person_changes_to_another_organization_of_theirs(admin):
    other = make_organization()
    Membership.objects.create(organization=other, user=admin.user, role=Role.VIEWER)
    client = browser_of(admin)
    page = client.get(LIST).content.decode()
    assert other.name in page
    assert client.post(SWITCH, {"organization": other.public_id}).status_code == 302
    page = client.get(LIST).content.decode()
    assert f"<strong>{other.name}</strong><small>Viewer</small>" in page


@pytest.mark.requirement("R.1")
def test_another_organization_is_as_if_it_did_not_exist(admin):
    client = browser_of(admin)
    stranger = make_organization()
    answers = [client.post(SWITCH, {"organization": text}) for text in (stranger.public_id, "org_0", "", "x" * 5000)]
    assert {answer.status_code for answer in answers} == {404}
    page = client.get(LIST).content.decode()
    assert f"<strong>{admin.organization.name}</strong>" in page
    assert stranger.name not in page


def test_preferences_are_drawn_before_the_first_picture(admin):
    client = browser_of(admin)
    assert 'data-theme="system"' in client.get(LIST).content.decode()
    for name, value in (("theme", "dark"), ("density", "compact"), ("navigation", "collapsed")):
        assert client.post(PREFERENCES, {name: value}).status_code == 302
        assert f'data-{name}="{value}"' in client.get(LIST).content.decode()


@pytest.mark.parametrize("value", ["pink", "", '"><script>', "x" * 5000])
def test_a_preference_that_does_not_exist_is_refused_and_one_in_a_cookie_ignored(value):
    client = new_browser()
    assert client.post(PREFERENCES, {"theme": value}).status_code == 400
    client.cookies["aim_theme"] = value
    assert 'data-theme="system"' in client.get(reverse("accounts:login")).content.decode()


def test_preferences_lead_back_to_our_pages_only():
    client = new_browser()
    back = client.post(PREFERENCES, {"theme": "dark"}, headers={"Referer": "http://testserver/login"})
    assert back.headers["Location"] == "http://testserver/login"
    away = client.post(PREFERENCES, {"theme": "dark"}, headers={"Referer": "https://evil.example/"})
    assert away.headers["Location"] == "/"


def test_the_palette_finds_pages_commands_and_agents_of_ones_own(admin):
    make_agent(admin.actor, display_name="Billing Reconciler", name="billing-reconciler")
    make_agent(make_person(make_organization()).actor, display_name="Billing of Others")
    client = browser_of(admin)

    def hits(text):
        part = client.get(FIND, {"q": text}, headers={**HTMX, "HX-Target": "div#palette-results"}).content.decode()
        return re.findall(r'<span class="truncate">([^<]+)</span>', part)

    assert hits("agen")[0] == "Agents"
    assert hits("BILLING") == ["Billing Reconciler"]
    assert "Change password" in hits("pass")
    assert hits("no such thing") == []
    assert "Agents" in hits("")
    assert "<script>alert" not in client.get(FIND, {"q": "<script>alert(1)</script>"}).content.decode()


def test_what_is_not_there_is_said_within_the_frame(admin):
    page = browser_of(admin).get("/dashboard/no-such-page")
    assert page.status_code == 404
    assert b"There is nothing here" in page.content


@pytest.mark.requirement("R.2")
def test_what_the_role_does_not_allow_is_said_within_the_frame(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    page = browser_of(viewer).get(reverse("design"))
    assert page.status_code == 403
    text = page.content.decode()
    assert "Insufficient permissions" in text
    assert 'class="nav-item"' in text


def draw(template, /, **context):
    return Template(template).render(Context(context))


def test_times_are_those_of_the_zone_with_the_exact_utc_under_the_pointer():
    at = datetime(2026, 11, 23, 8, 41, 5, 218_000, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        shown = draw('{% moment at "clock" %}', at=at)
    assert ">09:41:05<" in shown
    assert 'datetime="2026-11-23T08:41:05.218Z"' in shown
    assert "2026-11-23 08:41:05.218 UTC" in shown


def test_the_organizations_zone_is_used(admin):
    update_organization(admin.actor, timezone="Asia/Kolkata")
    decided(make_agent(admin.actor).agent, clock.now())
    assert " IST\n" in browser_of(admin).get(LIST).content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (59, "now"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400 * 61, "61 d")],
)
def test_how_long_ago_is_said_shortly(seconds, words):
    with time_machine.travel(datetime(2026, 11, 23, 9, tzinfo=UTC), tick=False):
        at = datetime.fromtimestamp(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp() - seconds, tz=UTC)
        assert draw("{{ at|ago }}", at=at) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-86_400 * 2 - 5, "2 days ago"),
        (-86_399, "23 hours ago"),
        (-60, "1 minute ago"),
        (-59, "just now"),
        (0, "just now"),
        (1, "in 1 minute"),
        (3_599, "in 1 hour"),
        (22 * 3_600 + 100, "in 22 hours"),
        (7 * 86_400 - 30, "in 7 days"),
        (86_400, "in 1 day"),
    ],
)
def test_how_far_away_a_moment_is_said_in_words(seconds, words):
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        assert draw("{{ at|from_now }}", at=now + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/app/config/backup.json", "/app/config/backup.json"),
        ("/app/very/long/way/to/the/config/backup.json", "/app/very/…/backup.json"),
        ("ver_019ab2f47c1e7d2b8a4e5f6071829e20", "ver_019ab2f47c1e…71829e20"),
    ],
)
def test_paths_and_ids_are_shortened_in_the_middle(text, shown):
    found = draw("{{ text|middle:24 }}", text=text)
    assert len(found) <= 24
    assert found[:4] == shown[:4]
    assert found[-8:] == shown[-8:]


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ 12408|number }}", "12,408"),
        ("{{ none|number }}", "–"),
        ("{{ 5|percent:0 }}", "–"),
        ("{{ 1|percent:3 }}", "33.3 %"),
        ("{{ 3|percent:3 }}", "100 %"),
        ("{{ 10000000000|size_of }}", "10 GB"),
        ("{{ 'billing-reconciler'|monogram }}", "BR"),
        ("{{ '…'|monogram }}", "?"),
    ],
)
def test_figures_are_written_as_people_read_them(template, shown):
    assert draw(template, none=None) == shown
