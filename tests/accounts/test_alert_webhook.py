"""Alerts are posted to a real receiver: signed, once, tried again, and never to where AIM may not call."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.urls import reverse
from pytest_httpserver import HTTPServer

from accounts import alerts
from accounts.alerts import AlertKind
from accounts.models import AlertCall, AlertWebhook, Role
from accounts.services import alert_webhook
from accounts.services.alert_webhook import MOST_ATTEMPTS, set_alert_webhook
from accounts.services.members import change_role
from accounts.tasks import post_alerts
from aim import clock
from aim.encryption import decrypt
from aim.errors import InvalidInputError
from aim.ledger.events import Event
from aim.outbound.calls import allowed_networks
from aim.protected import all_protected
from tests.accounts.test_alerts import follow, sealed
from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import entries, recorded

PAGE = reverse("accounts:alerts-webhook")


@pytest.fixture
def local(settings):
    """This machine may be called."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    allowed_networks.cache_clear()
    AlertCall.objects.all().delete()
    yield
    allowed_networks.cache_clear()


def changed_role(admin):
    other = make_person(admin.organization, Role.MEMBER)
    change_role(admin.actor, other.user.id, organization_id=admin.organization.id, role=Role.VIEWER)
    body = [entry for entry in entries(admin.organization.id) if entry["kind"] == Event.MEMBERSHIP_ROLE_CHANGED][-1]
    return sealed(body, organization_id=admin.organization.id, subject_id=other.user.id)


@pytest.mark.requirement("W1.6")
def test_an_alert_arrives_signed_and_once(admin, local):
    with HTTPServer() as receiver:
        receiver.expect_request("/alerts").respond_with_data("")
        url = receiver.url_for("/alerts")
        with recorded(admin.organization.id, Event.ALERT_WEBHOOK_CHANGED):
            secret = set_alert_webhook(admin.actor, url=url, kinds=["role_changed"])
        entry = changed_role(admin)
        follow(entry)
        follow(entry)
        assert post_alerts() == 1
        assert post_alerts() == 0
        [(request, _response)] = receiver.log
    data = request.get_data()
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + data
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(data)
    assert told["type"] == "alert.role_changed"
    assert told["data"]["sentence"].endswith("is now viewer, was member")
    assert told["data"]["path"] == "/dashboard/settings/members"
    kept = bytes(AlertWebhook.objects.get(organization=admin.organization).secret)
    assert str(secret) not in kept.decode()


@pytest.mark.requirement("W1.6")
def test_an_entry_of_several_kinds_is_posted_once_as_what_was_chosen(admin, local, monkeypatch):
    event = Event.MEMBERSHIP_ROLE_CHANGED
    more = [AlertKind(code, code, frozenset({event}), lambda _entry: "again") for code in ("a_first", "s_last")]
    monkeypatch.setattr(alerts, "_kinds", {**alerts._kinds, **{kind.code: kind for kind in more}})
    monkeypatch.setattr(alerts, "_by_event", {event.value: [more[0], alerts._kinds["role_changed"], more[1]]})
    set_alert_webhook(admin.actor, url="http://127.0.0.1:9/x", kinds=["role_changed", "s_last"])
    follow(changed_role(admin))
    [call] = AlertCall.objects.filter(organization=admin.organization)
    assert call.kind == "role_changed"


@pytest.mark.requirement("W1.6")
def test_what_was_not_chosen_is_not_posted(admin, local):
    set_alert_webhook(admin.actor, url="http://127.0.0.1:9/x", kinds=["agent_revoked"])
    follow(changed_role(admin))
    assert not AlertCall.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("W1.6")
def test_a_receiver_that_fails_is_tried_again_and_then_given_up(admin, local, monkeypatch):
    moment = clock.now()
    monkeypatch.setattr(alert_webhook.clock, "now", lambda: moment)
    with HTTPServer() as receiver:
        receiver.expect_request("/alerts").respond_with_data("no", status=500)
        set_alert_webhook(admin.actor, url=receiver.url_for("/alerts"), kinds=["role_changed"])
        follow(changed_role(admin))
        for attempt in range(MOST_ATTEMPTS):
            assert post_alerts() == 0
            call = AlertCall.objects.get(organization=admin.organization)
            assert (call.attempts, call.error) == (attempt + 1, "answered 500")
            moment = call.next_try_at
    assert call.status == "failed"
    assert post_alerts() == 0
    moment += timedelta(days=60)
    post_alerts()
    assert not AlertCall.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://127.0.0.1/x", "file:///etc/passwd", "", "x"])
def test_an_address_that_may_not_be_called_is_refused(admin, url):
    allowed_networks.cache_clear()
    with pytest.raises(InvalidInputError):
        set_alert_webhook(admin.actor, url=url, kinds=[])
    assert not AlertWebhook.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("W1.6", "R.2")
def test_the_page_shows_the_secret_once_tests_and_removes(admin, local):
    browser = signed_in_browser(admin)
    with HTTPServer() as receiver:
        receiver.expect_request("/a").respond_with_data("")
        values = {"url": receiver.url_for("/a"), "kind": ["role_changed"]}
        assert "whsec_" in browser.post(PAGE, values).content.decode()
        assert "whsec_" not in browser.get(reverse("accounts:alerts")).content.decode()
        browser.post(PAGE, {"test": "yes"})
        assert post_alerts() == 1
        assert "Arrived" in browser.get(reverse("accounts:alerts")).content.decode()
    refused = browser.post(PAGE, {"url": "http://169.254.169.254/", "kind": []})
    assert refused.status_code == 422
    assert "AIM may not call this address" in refused.content.decode()
    manager = signed_in_browser(make_person(admin.organization, Role.MANAGER))
    assert manager.post(PAGE, values).status_code == 403
    assert "Save the webhook" not in manager.get(reverse("accounts:alerts")).content.decode()
    with recorded(admin.organization.id, Event.ALERT_WEBHOOK_REMOVED):
        browser.post(PAGE, {"remove": "yes"})
    assert not AlertWebhook.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("R.1")
def test_another_organizations_alerts_go_nowhere_here(admin, local):
    set_alert_webhook(admin.actor, url="http://127.0.0.1:9/x", kinds=["role_changed"])
    follow(changed_role(make_person(make_organization())))
    assert not AlertCall.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("O.1")
def test_its_secret_moves_to_another_master_key(admin, local):
    set_alert_webhook(admin.actor, url="http://127.0.0.1:9/x", kinds=[])
    [protected] = [one for one in all_protected() if one.name == "alert webhooks"]
    row = protected.rows().get(organization=admin.organization)
    assert decrypt(protected.read(row)["secret"]).startswith(b"whsec_")
    assert protected.write(row, {"secret": b"anew"}) == ["secret"]
    assert row.secret == b"anew"
