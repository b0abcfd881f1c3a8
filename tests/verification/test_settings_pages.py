"""The tabs of the settings about decisions and the ledger: each does what it says, is on record, and is an admin's."""

import pytest
from django.urls import reverse

from accounts.models import Organization, Role, UserSession
from aim.ledger.events import Event
from aim.ledger.models import Checkpoint, SealKey
from aim.ledger.sealing import seal
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.databases import own_database
from tests.factories.ledger import entries, recorded
from verification.models import VerificationSettings

HERE = reverse("verification:settings")
ANSWER = reverse("verification:settings-answer")
LEDGER = reverse("verification:settings-ledger")
ROTATE = reverse("verification:ledger-rotate")
SECOND = reverse("verification:settings-second-person")
DENY = {"anomaly_effect": "deny", "anomaly_threshold": "60"}


@pytest.fixture
def admin():
    return make_person(make_organization())


def said(browser, address=HERE) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return response.content.decode()


def effect(person) -> tuple[str, int]:
    shown = Api(person.token).get("/settings/verification").json()
    return shown["anomaly_effect"], shown["anomaly_threshold"]


@pytest.mark.requirement("W1.6", "W4.8")
def test_the_defaults_are_saved_and_on_record(admin):
    browser = signed_in_browser(admin)
    assert "A person is asked" in said(browser)
    with recorded(admin.organization.id, Event.VERIFICATION_SETTINGS_CHANGED):
        assert browser.post(HERE, DENY).headers["Location"] == HERE
    assert effect(admin) == ("deny", 60)
    refused = browser.post(HERE, {**DENY, "anomaly_threshold": "0"})
    assert refused.status_code == 422
    assert effect(admin) == ("deny", 60)


@pytest.mark.requirement("R.2", "W1.6")
@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_others_read_the_tabs_and_change_nothing(admin, role):
    browser = signed_in_browser(make_person(admin.organization, role))
    assert "Save Settings" not in said(browser)
    assert "Replace the key" not in said(browser, LEDGER)
    for address, values in ((HERE, DENY), (ANSWER, DENY), (SECOND, {"second_person": "on"}), (ROTATE, {"reason": "x"})):
        assert browser.post(address, values).status_code == 403
    assert not VerificationSettings.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("W4.5")
def test_with_a_second_person_a_change_waits_for_another_admin(admin):
    second = make_person(admin.organization)
    first, other = signed_in_browser(admin), signed_in_browser(second)
    first.post(SECOND, {"second_person": "on"})
    with recorded(admin.organization.id, Event.VERIFICATION_SETTINGS_PROPOSED):
        first.post(HERE, DENY)
    assert effect(admin) == ("require_approval", 80)
    assert "Take back" in said(first)
    # Neither asking again nor agreeing with oneself puts it in force.
    with recorded(admin.organization.id):
        first.post(HERE, DENY)
        first.post(ANSWER, DENY)
    assert effect(admin) == ("require_approval", 80)
    assert f"Proposed by {admin.user.email}" in said(other)
    # Somebody who saw another proposal does not agree to this one.
    with recorded(admin.organization.id):
        other.post(ANSWER, {**DENY, "anomaly_threshold": "90"})
    with recorded(admin.organization.id, Event.VERIFICATION_SETTINGS_CHANGED):
        other.post(ANSWER, DENY)
    assert effect(admin) == ("deny", 60)
    assert "waits for a second person" not in said(first)


@pytest.mark.requirement("W4.5")
def test_a_proposal_is_taken_back_and_one_by_the_api_is_agreed_to_by_the_api(admin):
    second = make_person(admin.organization)
    browser = signed_in_browser(admin)
    browser.post(SECOND, {"second_person": "on"})
    Api(admin.token).patch("/settings/verification", {"anomaly_effect": "off"})
    with recorded(admin.organization.id, Event.VERIFICATION_SETTINGS_DECLINED):
        browser.post(ANSWER, {"decline": "yes"})
    waiting = Api(admin.token).patch("/settings/verification", {"anomaly_threshold": 70}).json()
    assert waiting["proposed"] == {"anomaly_threshold": 70}
    assert waiting["anomaly_threshold"] == 80
    agreed = Api(second.token).patch("/settings/verification", {"anomaly_threshold": 70}).json()
    assert (agreed["anomaly_threshold"], agreed["proposed"]) == (70, {})


@pytest.mark.requirement("W4.5")
def test_a_proposal_of_somebody_who_is_gone_is_nobodys(admin):
    second = make_person(admin.organization)
    signed_in_browser(admin).post(SECOND, {"second_person": "on"})
    Api(admin.token).patch("/settings/verification", {"anomaly_effect": "off"})
    VerificationSettings.objects.filter(organization=admin.organization).update(proposed_by=None)
    Api(second.token).patch("/settings/verification", {"anomaly_effect": "off"})
    assert effect(second) == ("require_approval", 80)


@pytest.mark.requirement("W4.5")
def test_the_second_person_is_switched_off_by_two(admin):
    first, other = signed_in_browser(admin), signed_in_browser(make_person(admin.organization))
    first.post(SECOND, {"second_person": "on"})
    first.post(SECOND, {})
    assert "One admin wants it switched off" in said(first)
    assert Organization.objects.get(id=admin.organization.id).policy_changes_need_second_person
    other.post(SECOND, {})
    assert not Organization.objects.get(id=admin.organization.id).policy_changes_need_second_person


@pytest.mark.requirement("W1.6")
def test_the_ledger_tab_shows_keys_and_checkpoints_and_nothing_of_the_operators_machines(admin):
    make_organization()
    checkpoint = seal()
    shown = said(signed_in_browser(make_person(admin.organization, Role.VIEWER)), LEDGER)
    assert "Signs now" in shown
    assert bytes(checkpoint.root).hex() in shown
    assert "AIM_S3_BUCKET" not in shown
    note = signed_in_browser(admin).get(reverse("verification:ledger-checkpoint", args=[checkpoint.number]))
    assert note.content.decode() == checkpoint.note
    assert "attachment" in note.headers["Content-Disposition"]
    for wrong in ("0", "99999999", "x", "1" * 30, "²"):
        assert signed_in_browser(admin).get(f"{LEDGER}/checkpoints/{wrong}").status_code == 404
    verifier = signed_in_browser(admin).get(reverse("verification:ledger-verifier"))
    assert "checkpoint" in verifier.content.decode()


@pytest.mark.requirement("R.1")
def test_the_key_of_others_entries_is_not_replaced_by_one_of_them(admin):
    make_organization()
    seal()
    before = SealKey.objects.count()
    browser = signed_in_browser(admin)
    assert "Replace the key" not in said(browser, LEDGER)
    assert browser.get(ROTATE).status_code == 403
    assert browser.post(ROTATE, {"reason": "mine"}).status_code == 403
    assert SealKey.objects.count() == before


@pytest.mark.requirement("W1.6")
def test_the_admin_of_the_only_organization_replaces_the_key_with_a_reason():
    with own_database():
        admin = make_person(make_organization())
        seal()
        [old] = SealKey.objects.all()
        browser = signed_in_browser(admin)
        assert browser.post(ROTATE, {"reason": " "}).status_code == 422
        UserSession.objects.filter(membership=admin.membership).update(proved_at="2020-01-01T00:00:00Z")
        assert "/login/prove" in browser.post(ROTATE, {"reason": "yearly"}).headers["Location"]
        browser = signed_in_browser(admin)
        assert browser.post(ROTATE, {"reason": "yearly"}).headers["Location"] == LEDGER
        old.refresh_from_db()
        assert old.retired_at is not None
        assert old.private_key is None
        newest = Checkpoint.objects.order_by("-number")[0]
        assert newest.note.count("— ") == 2
        shown = said(browser, LEDGER)
        assert "Retired" in shown
        assert "AIM_S3_BUCKET" in shown
        [entry] = [entry for entry in entries(None) if entry["kind"] == Event.LEDGER_KEY_ROTATED]
        assert entry["actor"]["id"] == admin.user.id.hex
