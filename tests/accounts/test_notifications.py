"""The notifications centre: who is told of what, once, and what the reader does with it."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.alerts import AlertKind, Channel, alert_kinds, register_alert
from accounts.contracts import OPERATOR
from accounts.models import Membership, Role
from accounts.notifications.models import Notification
from accounts.notifications.selectors import seen_by, unread_of, unread_of_memberships
from accounts.services.alert_choices import choose_alerts
from accounts.services.invitations import accept_invitation, invite_members
from accounts.services.members import change_role
from accounts.services.notifications import blot_notifications, mark_all_read, mark_read
from accounts.services.users import create_user
from accounts.tasks import forget_notifications
from agents.services.imports import import_registrations
from agents.services.lifecycle import resume_agent, suspend_agent
from agents.services.trust import trust_actor
from aim.errors import NotFoundError
from aim.ledger.events import Event
from aim.ledger.followers import stop_follower
from aim.ledger.models import Follower
from tests.factories.accounts import PASSWORD, make_organization, make_person, unique
from tests.factories.agents import make_agent
from tests.factories.api import Api, problem
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all, replay_all

CENTRE = reverse("accounts:notifications")


def notices(person) -> list[tuple[str, int]]:
    rows = Notification.objects.filter(membership=person.membership, read_at=None).exclude(kind="member_joined")
    return [(row.kind, row.count) for row in rows]


def suspended(admin, reason="Strange calls"):
    agent = make_agent(admin.actor).agent
    suspend_agent(admin.actor, agent.id, reason=reason)
    follow_all("notifications")
    return agent


@pytest.fixture
def manager(admin):
    return make_person(admin.organization, Role.MANAGER)


@pytest.mark.requirement("R.1")
def test_those_concerned_are_told_and_nobody_else(admin, manager):
    viewer, stranger = make_person(admin.organization, Role.VIEWER), make_person(make_organization())
    agent = suspended(admin)
    assert notices(manager) == [("agent_suspended", 1)]
    [row] = Notification.objects.filter(membership=manager.membership)
    assert row.text == f"Agent {agent.name} was suspended: Strange calls"
    assert row.path == reverse("agents:agent-detail", args=[agent.public_id])
    assert notices(admin) == [], "whoever did it knows"
    assert notices(viewer) == []
    assert notices(stranger) == []


def test_what_aim_does_by_itself_is_told_to_admins_too(admin, manager):
    agent = make_agent(admin.actor).agent
    suspend_agent(trust_actor(admin.organization.id), agent.id, reason="Trust is gone")
    follow_all("notifications")
    assert notices(admin) == notices(manager) == [("agent_suspended_automatically", 1)]


def test_more_of_the_same_counts_up_until_it_is_read(admin, manager):
    agent = suspended(admin)
    [first] = Notification.objects.filter(membership=manager.membership)
    resume_agent(admin.actor, agent.id, reason="Fine")
    suspend_agent(admin.actor, agent.id, reason="Again")
    follow_all("notifications")
    [row] = Notification.objects.filter(membership=manager.membership)
    assert (row.count, row.text) == (2, f"Agent {agent.name} was suspended: Again")
    with pytest.raises(NotFoundError):
        mark_read(manager.actor, first.id)
    mark_read(manager.actor, row.id)
    resume_agent(admin.actor, agent.id, reason="Fine")
    suspend_agent(admin.actor, agent.id, reason="Once more")
    follow_all("notifications")
    assert notices(manager) == [("agent_suspended", 1)]


def test_a_replay_tells_nobody_anything_twice(admin, manager):
    suspended(admin)
    mark_all_read(manager.actor)
    replay_all("notifications")
    assert Notification.objects.filter(membership=manager.membership).count() == 1
    assert notices(manager) == []


@pytest.mark.requirement("W1.6")
def test_each_person_chooses_what_they_are_told_of(admin, manager):
    choose_alerts(manager.actor, {"agent_suspended": {Channel.NOTIFICATION: False}})
    suspended(admin)
    assert notices(manager) == []


@pytest.mark.requirement("R.2")
def test_a_right_that_ends_takes_along_what_was_told_by_it(admin, manager):
    follow_all("notifications")
    Notification.objects.filter(membership=manager.membership).delete()
    kind = next(kind for kind in alert_kinds() if kind.code == "approval_requested")
    Notification.objects.create(
        membership=manager.membership,
        kind=kind.code,
        topic="x",
        entry_id=admin.user.id,
        seq=0,
        text="An agent asks",
        path="/dashboard/approvals",
        happened_at=timezone.now(),
    )
    assert unread_of(manager.actor) == 1
    change_role(admin.actor, manager.user.id, organization_id=admin.organization.id, role=Role.VIEWER)
    manager.membership.refresh_from_db()
    assert unread_of(manager.actor) == 0
    assert Api(manager.token).get("/notifications").json()["results"] == []


@pytest.mark.requirement("W1.1")
def test_whoever_invited_is_told_that_it_was_accepted(admin):
    other = make_person(admin.organization)
    email = f"{unique('invited')}@example.com"
    [invited] = invite_members(admin.actor, [email], role=Role.MEMBER, message="").made
    user = create_user(OPERATOR, email, password=PASSWORD, organization_id=admin.organization.id)
    accept_invitation(bytes(invited.invitation.digest), user, address=None, method="password")
    follow_all("notifications")
    assert ("invitation_accepted", 1) in notices(admin)
    assert ("invitation_accepted", 1) not in notices(other)
    assert Notification.objects.filter(kind="invitation_accepted", text__contains=email).count() == 1


def test_a_stopped_follower_is_told_to_every_organization_without_its_error(admin):
    stranger = make_person(make_organization())
    follow_all("notifications")
    name = unique("follower")
    Follower.objects.create(name=name)
    stop_follower(name, error="key of another organization")
    follow_all("notifications")
    for person in (admin, stranger):
        [row] = Notification.objects.filter(membership=person.membership, kind="follower_stopped")
        assert name in row.text
        assert "another organization" not in row.text


@pytest.mark.requirement("R.1")
def test_the_api_lists_and_marks_ones_own(admin, manager):
    suspended(admin)
    suspended(admin)
    api = Api(manager.token)
    rows = api.get("/notifications?unread=true").json()["results"]
    assert [row["count"] for row in rows] == [1, 1]
    states = unread_of_memberships([manager.membership.id], seen_by(manager.actor))
    assert states[manager.membership.id].number == unread_of(manager.actor) == 2
    assert f"ntf_{states[manager.membership.id].newest.replace('-', '')}" == rows[0]["id"]
    assert rows[0]["id"] > rows[1]["id"]
    answer = api.post(f"/notifications/{rows[0]['id']}/read")
    assert answer.status_code == 200
    assert answer.json()["read_at"] is not None
    assert len(api.get("/notifications?unread=true").json()["results"]) == 1
    assert len(api.get("/notifications").json()["results"]) == 2
    foreign = Api(admin.token).post(f"/notifications/{rows[1]['id']}/read")
    unknown = Api(admin.token).post("/notifications/ntf_" + "0" * 32 + "/read")
    assert foreign.status_code == unknown.status_code == 404
    assert problem(foreign) == problem(unknown)
    assert api.post("/notifications/read", {"upto": rows[1]["id"]}).json() == {"marked": 1}
    assert api.post("/notifications/read", {}).json() == {"marked": 0}
    assert api.get("/notifications?read=1").status_code == 400


@pytest.mark.requirement("R.1")
def test_a_person_in_two_organizations_has_two_centres(admin, manager):
    other = make_organization()
    elsewhere = Membership.objects.create(organization=other, user=manager.user, role=Role.MANAGER)
    suspended(admin)
    assert Notification.objects.filter(membership=elsewhere).count() == 0


def test_old_ones_are_forgotten(admin, manager):
    suspended(admin)
    suspended(admin)
    suspended(admin)
    first, second, third = Notification.objects.filter(membership=manager.membership)
    Notification.objects.filter(id=first.id).update(happened_at=timezone.now() - timedelta(days=91))
    Notification.objects.filter(id=second.id).update(read_at=timezone.now() - timedelta(days=31))
    forget_notifications()
    assert [row.id for row in Notification.objects.filter(membership=manager.membership)] == [third.id]


def test_erased_entries_are_quoted_no_more(admin, manager):
    suspended(admin)
    [row] = Notification.objects.filter(membership=manager.membership)
    assert blot_notifications([row.entry_id]) == 1


def test_the_centre_is_empty_then_full_then_read(admin, manager):
    browser = signed_in_browser(manager)
    page = browser.get(CENTRE).content.decode()
    assert "Nothing yet" in page
    assert "Mark all as read" not in page
    agent = suspended(admin, reason="<script>alert(1)</script>")
    page = browser.get(CENTRE).content.decode()
    assert f"Agent {agent.name} was suspended: &lt;script&gt;" in page
    assert "Notifications: 1 unread" in page
    [row] = Notification.objects.filter(membership=manager.membership)
    browser.post(reverse("accounts:notification-read", args=[row.public_id]))
    page = browser.get(f"{CENTRE}?unread").content.decode()
    assert "Everything is read" in page
    stranger = signed_in_browser(make_person(make_organization()))
    assert stranger.post(reverse("accounts:notification-read", args=[row.public_id])).status_code == 404


def test_a_panel_is_answered_for_the_bell(admin, manager):
    suspended(admin)
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#bell-panel"}
    panel = signed_in_browser(manager).get(CENTRE, headers=headers).content.decode()
    assert "<html" not in panel
    assert "Mark all as read" in panel
    assert "All notifications" in panel


def test_every_kind_can_be_told():
    for kind in alert_kinds():
        assert kind.tone in {"allowed", "denied", "pending", "critical", "info"}
        assert kind.events <= set(Event)
    with pytest.raises(ValueError, match="already"):
        register_alert(AlertKind("agent_revoked", "Again", frozenset(), str))


@pytest.mark.requirement("E4")
@pytest.mark.parametrize("way", ["browser", "file"])
def test_a_kept_registration_that_is_done_is_told_to_whoever_made_it(admin, manager, way):
    name = unique("kept")
    form = {"name": name, "display_name": "Kept", "agent_type": "ai_agent", "version": "1", "min_trust": "70"}
    form |= {"auto_suspend_below": "50", "access_scope_kind": "organization", "calls_per_hour": "1000"}
    form |= {"gigabytes_per_day": "10"}
    if way == "browser":
        posted = form | {"go": "submit", "kept": ""}
        assert signed_in_browser(manager).post(reverse("agents:agent-register"), posted).status_code == 200
    else:
        file = json.dumps([{"form": {field: [value] for field, value in form.items()}}])
        [imported] = import_registrations(manager.actor, file)
        assert imported.made is not None, imported.error
    follow_all("notifications")
    [row] = Notification.objects.filter(membership=manager.membership, kind="kept_registration_done")
    assert row.text == f"Your kept registration is done: {name}"
    assert ("kept_registration_done", 1) not in notices(admin)


@pytest.mark.requirement("E4")
def test_any_other_registration_is_no_news_to_whoever_made_it(admin, manager):
    make_agent(manager.actor)
    follow_all("notifications")
    assert notices(manager) == []
