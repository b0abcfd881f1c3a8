"""The pages of the settings and of one's own account: each shows what is, does what it says, and is on record."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Invitation, Membership, Role, UserSession
from accounts.services.teams import create_team
from aim.ledger.events import Event
from tests.accounts.test_organization_settings import picture
from tests.accounts.test_second_factors import code_at, enrol
from tests.factories.accounts import make_organization, make_person, unique
from tests.factories.agents import make_agent
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import recorded
from tests.factories.mail_server import send_waiting

TABS = ("settings", "members", "roles", "security", "alerts", "tokens")


def url(name, *args) -> str:
    return reverse(f"accounts:{name}", args=args)


def said(browser, path) -> str:
    return browser.get(path).content.decode()


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_the_settings_and_only_admins_change_them(admin, role):
    person = make_person(admin.organization, role)
    browser = signed_in_browser(person)
    for tab in TABS:
        page = browser.get(url(tab))
        assert page.status_code == 200
        if tab not in {"members", "roles", "tokens"}:
            assert ("Save Settings" in page.content.decode()) == (role == Role.ADMIN), tab
    values = {"name": "Changed", "timezone": "UTC"}
    assert browser.post(url("settings"), values).status_code == (303 if role == Role.ADMIN else 403)


@pytest.mark.requirement("W1.6")
def test_settings_are_saved_and_said(admin):
    browser, name = signed_in_browser(admin), unique("Meridian")
    logo = SimpleUploadedFile("logo.png", picture(), "image/png")
    with recorded(admin.organization.id, Event.ORGANIZATION_UPDATED, Event.ORGANIZATION_UPDATED):
        response = browser.post(url("settings"), {"name": name, "timezone": "Europe/Berlin", "logo": logo})
    assert response.headers["Location"] == url("settings")
    page = said(browser, url("settings"))
    assert "Settings saved successfully" in page
    assert name in page
    assert "/dashboard/logo/" in page
    browser.post(url("logo-remove"))
    assert "/dashboard/logo/" not in said(browser, url("settings"))


@pytest.mark.requirement("W1.6")
def test_a_form_that_is_refused_keeps_what_was_typed(admin):
    browser = signed_in_browser(admin)
    taken = make_organization()
    response = browser.post(url("settings"), {"name": taken.name, "timezone": "Europe/Berlin"})
    assert response.status_code == 422
    text = response.content.decode()
    assert "This organization name cannot be used" in text
    assert f'value="{taken.name}"' in text
    assert re.search(r'value="Europe/Berlin"\s+selected', text)
    refused = browser.post(url("security"), {"session_hours": "12", "allowed_domains": "gmail.com", "sso_only": "on"})
    assert refused.status_code == 422
    assert "Everybody can have an address at gmail.com" in refused.content.decode()
    assert "gmail.com</textarea>" in refused.content.decode()
    bad = SimpleUploadedFile("logo.svg", b"<svg/>", "image/svg+xml")
    answer = browser.post(url("settings"), {"name": admin.organization.name, "timezone": "UTC", "logo": bad})
    assert "This is no PNG, JPEG or WebP picture" in answer.content.decode()


@pytest.mark.requirement("W1.6")
def test_security_and_alerts_are_saved(admin):
    browser = signed_in_browser(admin)
    browser.post(url("security"), {"session_hours": "8", "allowed_domains": ""})
    browser.post(url("alerts"), {"alert": ["agent_suspended:viewer", "nonsense:king"]})
    shown = Api(admin.token).get("/organization").json()
    assert shown["security"]["session_hours"] == 8
    assert shown["alerts"]["agent_suspended"] == ["viewer"]
    assert shown["alerts"]["member_joined"] == []


@pytest.mark.requirement("E3")
def test_a_session_that_was_left_open_is_asked_who_is_there(admin):
    browser = signed_in_browser(admin)
    UserSession.objects.filter(membership=admin.membership).update(proved_at="2020-01-01T00:00:00Z")
    values = {"session_hours": "8", "allowed_domains": ""}
    response = browser.post(url("security"), values, headers={"referer": f"http://testserver{url('security')}"})
    assert response.headers["Location"] == f"{url('prove')}?next=%2Fdashboard%2Fsettings%2Fsecurity"
    part = browser.post(
        url("security"), values, headers={"hx-request": "true", "hx-current-url": f"http://testserver{url('security')}"}
    )
    assert part.status_code == 403
    assert part.headers["HX-Redirect"] == response.headers["Location"]
    foreign = browser.post(url("security"), values, headers={"referer": "https://evil.example/x"})
    assert foreign.headers["Location"] == response.headers["Location"]


@pytest.mark.requirement("W1.5")
def test_inviting_from_the_dialog(admin, mail_server):
    browser = signed_in_browser(admin)
    good, bad = f"{unique('a')}@example.com", f"{unique('b')}@example.com"
    mail_server.refused[bad] = "550 unknown here"
    wrong = browser.post(url("invite"), {"emails": "nonsense, a@", "role": "member"})
    assert wrong.status_code == 422
    assert "nonsense, a@</textarea>" in wrong.content.decode()
    assert "&quot;nonsense&quot; is no e-mail address." in wrong.content.decode()
    sent = browser.post(url("invite"), {"emails": f"{good}, {bad}\n{admin.user.email}", "role": "member"})
    text = sent.content.decode()
    assert "Invitations sent to 2 team members" in text
    assert f"{admin.user.email} is a member already." in text
    again = re.search(r'hx-get="([^"]+invited[^"]+)"', text)[1].replace("&amp;", "&")
    send_waiting(admin.organization.id)
    settled = said(browser, again)
    assert "Invitations sent to 1 team member" in settled
    assert "550 unknown here" in settled
    assert "Retry" in settled
    assert 'hx-trigger="load' not in settled
    failed = Invitation.objects.get(organization=admin.organization, email=bad)
    del mail_server.refused[bad]
    browser.post(url("invitation-resend", failed.public_id))
    send_waiting(admin.organization.id)
    assert mail_server.to(bad)
    browser.post(url("invitation-revoke", failed.public_id))
    assert url("invitation-revoke", failed.public_id) not in said(browser, url("members"))


@pytest.mark.requirement("W1.5")
def test_without_a_mail_server_the_dialog_shows_the_links_once(admin):
    browser = signed_in_browser(admin)
    assert "No mail server is configured here" in said(browser, url("invite"))
    text = browser.post(url("invite"), {"emails": f"{unique('a')}@example.com", "role": "viewer"}).content.decode()
    assert "1 invitation is ready" in text
    assert "/login?invitation=aiminv_" in text
    assert "aiminv_" not in said(browser, url("members"))


@pytest.mark.requirement("R.2")
def test_one_member_is_changed_handed_over_reset_and_removed(admin):
    other = make_person(admin.organization, Role.MANAGER)
    agent = make_agent(other.actor).agent
    browser, theirs = signed_in_browser(admin), signed_in_browser(other)
    member = other.user.public_id
    assert other.user.email in said(browser, url("member", member))
    browser.post(url("member-role", member), {"role": "viewer"})
    assert Membership.objects.get(id=other.membership.id).role == Role.VIEWER
    browser.post(url("member-transfer", member), {"to": admin.user.public_id})
    agent.refresh_from_db()
    assert agent.owner_id == admin.user.id
    assert theirs.get("/api/v1/me").status_code == 200
    browser.post(url("member-sessions-end", member))
    assert theirs.get("/api/v1/me").status_code == 401
    assert "One-time password" in browser.post(url("member-reset", member)).content.decode()
    browser.post(url("member-remove", member), {"to": ""})
    assert not Membership.objects.filter(id=other.membership.id).exists()
    last = browser.post(url("member-remove", admin.user.public_id), {"to": ""})
    assert "An organization needs at least one admin" in last.content.decode()
    demoted = browser.post(url("member-role", admin.user.public_id), {"role": "viewer"})
    assert demoted.status_code == 422


@pytest.mark.requirement("R.1")
def test_another_organizations_people_are_not_there(admin):
    stranger = make_person(make_organization())
    team = create_team(stranger.actor, "Theirs")
    browser = signed_in_browser(admin)
    member = stranger.user.public_id
    for name in ("member", "member-remove", "member-transfer", "member-reset"):
        assert browser.get(url(name, member)).status_code == 404
    for name in ("member-role", "member-sessions-end", "member-remove"):
        assert browser.post(url(name, member), {"role": "viewer"}).status_code == 404
    assert browser.post(url("team-remove", team.public_id)).status_code == 404
    assert stranger.user.email not in said(browser, url("members"))


def test_teams_are_made_and_changed(admin):
    browser = signed_in_browser(admin)
    browser.post(url("team-create"), {"name": "Platform"})
    team = admin.organization.teams.get()
    browser.post(url("team-members", team.public_id), {"add": admin.user.public_id})
    assert team.members.get() == admin.membership
    browser.post(url("team-members", team.public_id), {"remove": admin.user.public_id})
    assert not team.members.exists()
    browser.post(url("team-create"), {"name": "platform"})
    assert "Team name already exists" in said(browser, url("members"))
    browser.post(url("team-remove", team.public_id))
    assert not admin.organization.teams.exists()


@pytest.mark.requirement("R.6")
def test_a_token_is_shown_once(admin):
    browser = signed_in_browser(admin)
    text = browser.post(url("token-new"), {"name": "Pipeline", "days": "30", "scope": "read"}).content.decode()
    secret = re.search(r"aimp_[\w-]{40,}", text)[0]
    assert Api(secret).get("/agents").status_code == 200
    assert Api(secret).post("/teams", {"name": "x"}).status_code == 403
    page = said(browser, url("tokens"))
    assert secret not in page
    assert "Pipeline" in page
    token = next(row["id"] for row in Api(admin.token).get("/tokens").json()["results"] if row["name"] == "Pipeline")
    browser.post(url("token-revoke", token))
    assert Api(secret).get("/agents").status_code == 401


@pytest.mark.requirement("R.6")
def test_ones_own_account(admin):
    enrol(admin)
    browser, other = signed_in_browser(admin, second_factor="totp"), signed_in_browser(admin, second_factor="totp")
    page = said(browser, url("account"))
    assert "Authenticator app" in page
    assert "10 left" in page
    with recorded(admin.organization.id, Event.USER_UPDATED):
        browser.post(url("account"), {"name": "Ada"})
    codes = browser.post(url("recovery-codes-new")).content.decode()
    assert codes.count("<li>") == 10
    with recorded(admin.organization.id, Event.SESSION_ENDED):
        browser.post(url("sessions-end"))
    assert other.get("/api/v1/me").status_code == 401
    factor = re.search(r"factors/(\d+)/remove", page)[1]
    stranger = signed_in_browser(make_person(make_organization()))
    assert stranger.post(url("factor-remove", factor)).status_code == 404
    with recorded(admin.organization.id, Event.SECOND_FACTOR_REMOVED):
        browser.post(url("factor-remove", factor))
    assert "None yet" in said(browser, url("account"))
    page = said(browser, url("factor-add"))
    secret = re.search(r'enrol-key">([A-Z2-7]+)<', page)[1]
    with recorded(admin.organization.id, Event.SECOND_FACTOR_ADDED):
        browser.post(url("factor-add"), {"code": code_at(secret)})


def test_the_roles_page_says_what_the_table_says(admin):
    text = said(signed_in_browser(admin), url("roles"))
    assert "Register and edit agents" in text
    assert "members:write" in text


def test_hostile_names_are_text(admin):
    hostile = "<img src=x onerror=alert(1)>"
    admin.user.name = hostile
    admin.user.save()
    create_team(admin.actor, f"{hostile}")
    browser = signed_in_browser(admin)
    for tab in (*TABS, "account"):
        assert hostile not in said(browser, url(tab))


@pytest.mark.requirement("W1.6", "R.2")
def test_a_team_is_renamed_by_an_admin_and_keeps_its_people(admin):
    team, taken = create_team(admin.actor, unique("Payments")), create_team(admin.actor, unique("Taken"))
    browser, name = signed_in_browser(admin), unique("Settlements")
    with recorded(admin.organization.id, Event.TEAM_CHANGED):
        browser.post(url("team-rename", team.public_id), {"name": name})
    assert name in said(browser, url("members"))
    browser.post(url("team-rename", team.public_id), {"name": taken.name})
    assert "Team name already exists" in said(browser, url("members"))
    browser.post(url("team-rename", team.public_id), {"name": ""})
    assert "A team needs a name" in said(browser, url("members"))
    manager = signed_in_browser(make_person(admin.organization, Role.MANAGER))
    assert manager.post(url("team-rename", team.public_id), {"name": "x"}).status_code == 403
    stranger = signed_in_browser(make_person(make_organization()))
    assert stranger.post(url("team-rename", team.public_id), {"name": "x"}).status_code == 404
