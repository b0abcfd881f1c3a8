"""Who is told of what: the organization chooses for its roles, each person for themselves."""

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import alerts
from accounts.alerts import AlertKind, Channel, kinds_of, wants
from accounts.followers.alerts import AlertsFollower
from accounts.models import Membership, Role, User
from accounts.permissions import Permission
from accounts.services.alert_choices import choose_alerts
from accounts.services.organizations import update_organization
from agents.services.lifecycle import suspend_agent
from agents.services.trust import trust_actor
from aim import clock
from aim.errors import InvalidInputError
from aim.ids import uuid7
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry
from aim.ledger.sealing import seal
from aim.mail.models import OutgoingMail
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import entries, recorded
from verification.tasks import send_checkpoint_digest

PAGE = "accounts:alerts"


def asked(person, code, channel=Channel.MAIL) -> bool:
    row = Membership.objects.select_related("user", "organization").get(id=person.membership.id)
    return wants(row, code, channel)


def sealed(body, *, organization_id, subject_id=None) -> SealedEntry:
    return SealedEntry(
        seq=1,
        id=uuid7(),
        kind=body["kind"],
        organization_id=organization_id,
        subject_id=subject_id or uuid7(),
        recorded_at=clock.now(),
        body=body,
    )


def follow(entry) -> None:
    with transaction.atomic():
        AlertsFollower().follow([entry])


@pytest.mark.requirement("W1.6")
def test_a_person_chooses_otherwise_than_the_organization_by_channel(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    assert not asked(viewer, "agent_suspended")
    change = {"agent_suspended": {Channel.MAIL: True, Channel.NOTIFICATION: False}}
    with recorded(admin.organization.id, Event.MEMBERSHIP_ALERTS_CHOSEN):
        choose_alerts(viewer.actor, change)
    assert asked(viewer, "agent_suspended")
    assert not asked(viewer, "agent_suspended", Channel.NOTIFICATION)
    with recorded(admin.organization.id):
        choose_alerts(viewer.actor, change)
    with pytest.raises(InvalidInputError):
        choose_alerts(viewer.actor, {"nothing": {Channel.MAIL: True}})


@pytest.mark.requirement("W1.6")
def test_what_equals_the_organizations_choice_follows_it(admin):
    choose_alerts(admin.actor, {"agent_revoked": {Channel.MAIL: False, Channel.NOTIFICATION: True}})
    update_organization(admin.actor, alerts={"agent_revoked": []})
    assert not asked(admin, "agent_revoked")
    assert not asked(admin, "agent_revoked", Channel.NOTIFICATION)
    update_organization(admin.actor, alerts={"agent_revoked": ["admin"]})
    assert not asked(admin, "agent_revoked")
    assert asked(admin, "agent_revoked", Channel.NOTIFICATION)


@pytest.mark.requirement("W1.6")
@pytest.mark.requirement("R.1")
def test_one_persons_choice_is_of_one_organization(admin):
    other = make_organization()
    elsewhere = Membership.objects.create(organization=other, user=admin.user, role=Role.ADMIN)
    choose_alerts(admin.actor, {"agent_revoked": {Channel.MAIL: False}})
    assert not asked(admin, "agent_revoked")
    assert wants(elsewhere, "agent_revoked")


@pytest.mark.requirement("R.2")
def test_nobody_is_told_of_what_they_may_not_see(admin, monkeypatch):
    kind = AlertKind("secret", "Secret", frozenset(), str, tuple(Role), permission=Permission.POLICIES_WRITE)
    monkeypatch.setitem(alerts._kinds, "secret", kind)
    viewer = make_person(admin.organization, Role.VIEWER)
    Membership.objects.filter(id=viewer.membership.id).update(alert_choices={"secret": {"mail": True}})
    assert asked(admin, "secret")
    assert not asked(viewer, "secret")
    assert not asked(admin, "no_such_kind")
    User.objects.filter(id=admin.user.id).update(is_active=False)
    assert not asked(admin, "secret")


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize("stored", [{"agent_revoked": 1}, {"agent_revoked": {"mail": "yes"}}, {"agent_revoked": []}])
def test_a_choice_that_cannot_be_read_is_none(admin, stored):
    Membership.objects.filter(id=admin.membership.id).update(alert_choices=stored)
    assert asked(admin, "agent_revoked")


@pytest.mark.requirement("W1.6")
def test_mails_follow_the_persons_choice_and_open_the_agent(admin, mail_server):
    agent = make_agent(admin.actor)
    manager = make_person(admin.organization, Role.MANAGER)
    choose_alerts(manager.actor, {"agent_suspended_automatically": {Channel.MAIL: False}})
    suspend_agent(trust_actor(admin.organization.id), agent.agent.id, reason="Trust is gone")
    [body] = [entry for entry in entries(admin.organization.id) if entry["kind"] == Event.AGENT_SUSPENDED]
    [kind] = kinds_of(body["kind"], body)
    assert kind.code == "agent_suspended_automatically"
    assert kind.path(body) == f"/dashboard/agents/{agent.agent.public_id}"
    follow(sealed(body, organization_id=admin.organization.id))
    [mail] = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="alert")
    assert mail.recipient == admin.user.email
    assert mail.subject == f"AIM Alert: Agent {agent.agent.name} was suspended automatically: Trust is gone"


@pytest.mark.requirement("W1.6")
def test_an_entry_of_several_kinds_is_mailed_once_as_what_its_reader_wants(admin, mail_server, monkeypatch):
    manager, reader = (make_person(admin.organization, role) for role in (Role.MANAGER, Role.MEMBER))
    event = frozenset({Event.TEAM_CREATED})
    kinds = [
        AlertKind("a_first", "First", event, lambda _entry: "first", (Role.ADMIN,)),
        AlertKind("b_second", "Second", event, lambda _entry: "second", (Role.ADMIN, Role.MANAGER)),
        AlertKind("c_own", "Own", event, lambda _entry: "own", people=alerts.each(lambda _entry: [reader.user.id])),
    ]
    monkeypatch.setattr(alerts, "_kinds", {**alerts._kinds, **{kind.code: kind for kind in kinds}})
    monkeypatch.setattr(alerts, "_by_event", {**alerts._by_event, Event.TEAM_CREATED.value: kinds})
    choose_alerts(reader.actor, {"c_own": {Channel.MAIL: True}})
    body = {"kind": Event.TEAM_CREATED.value, "subject": {"kind": "team"}, "actor": {"kind": "system"}, "data": {}}
    entry = sealed(body, organization_id=admin.organization.id)
    follow(entry)
    follow(entry)
    told = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="alert")
    assert sorted(told.values_list("recipient", "subject")) == sorted(
        [
            (admin.user.email, "AIM Alert: first"),
            (manager.user.email, "AIM Alert: second"),
            (reader.user.email, "AIM Alert: own"),
        ]
    )


@pytest.mark.requirement("W1.6")
def test_what_happens_to_the_installation_is_told_to_every_organization_without_details(admin, mail_server):
    stranger = make_person(make_organization())
    body = {
        "kind": Event.FOLLOWER_STOPPED.value,
        "subject": {"kind": "follower", "label": "statistics"},
        "actor": {"kind": "system", "label": "ledger"},
        "data": {"error": "password of somebody"},
    }
    entry = sealed(body, organization_id=None)
    follow(entry)
    follow(entry)
    for person in (admin, stranger):
        [mail] = OutgoingMail.objects.filter(organization_id=person.organization.id, kind="alert")
        assert mail.recipient == person.user.email
        assert "statistics" in mail.subject
        assert "password" not in mail.subject


@pytest.mark.requirement("W1.6")
def test_both_forms_of_the_page_are_saved(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    browser = signed_in_browser(viewer)
    page = browser.get(reverse(PAGE)).content.decode()
    assert "Save my alerts" in page
    assert "Save Settings" not in page
    browser.post(reverse("accounts:alerts-own"), {"own": ["agent_revoked:mail", "nonsense:mail"]})
    assert asked(viewer, "agent_revoked")
    assert "my own choice" in browser.get(reverse(PAGE)).content.decode()
    assert browser.post(reverse(PAGE), {"alert": ["agent_revoked:viewer"]}).status_code == 403
    signed_in_browser(admin).post(reverse(PAGE), {"alert": ["agent_revoked:viewer"]})
    assert Api(admin.token).get("/organization").json()["alerts"]["agent_revoked"] == ["viewer"]


@pytest.mark.requirement("W1.6")
def test_the_checkpoint_comes_once_a_day_to_whoever_chose_it(admin, mail_server):
    viewer, silent = make_person(admin.organization, Role.VIEWER), make_person(admin.organization)
    choose_alerts(viewer.actor, {"checkpoint_digest": {Channel.MAIL: True}})
    seal()
    for _ in range(2):
        send_checkpoint_digest()
    [mail] = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="checkpoint_digest")
    assert mail.recipient == viewer.user.email != silent.user.email
    assert Membership.objects.get(id=viewer.membership.id).alert_choices == {"checkpoint_digest": {"mail": True}}
