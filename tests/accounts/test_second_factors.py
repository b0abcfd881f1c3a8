"""Codes, recovery codes and what an organization may demand."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.urls import reverse

from accounts.contracts import OPERATOR
from accounts.errors import ProofRequiredError, SignInMethodNeededError, TooManyAttemptsError, WrongCodeError
from accounts.models import Role, User, UserSession
from accounts.services.attempts import LOCK_AFTER
from accounts.services.members import add_member, reset_sign_in
from accounts.services.organizations import update_organization
from accounts.services.second_factors import add_app, check_code, make_recovery_codes, remove_second_factor
from aim import clock
from aim.encryption import decrypt
from aim.ledger.events import Event
from tests.factories.accounts import PASSWORD, make_organization, make_person
from tests.factories.api import Api, problem
from tests.factories.browser import new_browser, random_address, signed_in_browser
from tests.factories.ledger import recorded
from tests.factories.threads import at_once

LOGIN, CHALLENGE, ADD = (reverse(f"accounts:{name}") for name in ("login", "second-factor", "second-factor-add"))


def code_at(secret: str, step: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(clock.now().timestamp()) // 30 + step))


def enrol(person) -> tuple[str, list[str]]:
    secret = generate_totp_secret()
    added = add_app(person.actor, person.user, secret=secret, code=code_at(secret, -1), session=None)
    return secret, list(added.recovery_codes)


def first_factor(person, browser=None):
    browser = browser or new_browser()
    response = browser.post(LOGIN, {"email": person.user.email, "password": PASSWORD, "next": "/account/password"})
    return browser, response


@pytest.mark.requirement("R.6")
def test_a_code_is_asked_for_and_works_once(admin):
    secret, _ = enrol(admin)
    browser, response = first_factor(admin)
    assert response.headers["Location"] == CHALLENGE
    # Between the factors nobody is signed in.
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.get("/dashboard").headers["Location"].startswith(LOGIN)
    code = code_at(secret)
    with recorded(admin.organization.id, Event.USER_SIGNED_IN) as added:
        entered = browser.post(CHALLENGE, {"code": code})
    assert entered.headers["Location"] == "/account/password"
    assert added[0]["data"]["second_factor"] == "totp"
    again, _ = first_factor(admin)
    assert again.post(CHALLENGE, {"code": code}).status_code == 401


@pytest.mark.requirement("R.6")
def test_of_fifty_with_the_same_code_one_gets_in(admin):
    secret, codes = enrol(admin)
    code = code_at(secret)

    def attempt(_):
        try:
            return check_code(admin.user, code, address=random_address())
        except (WrongCodeError, TooManyAttemptsError):
            return None

    assert sorted(filter(None, at_once(8, attempt))) == ["totp"]
    other = make_person(make_organization())
    _, codes = enrol(other)

    def recover(_):
        try:
            return check_code(other.user, codes[0], address=random_address())
        except (WrongCodeError, TooManyAttemptsError):
            return None

    assert list(filter(None, at_once(8, recover))) == ["recovery_codes"]


@pytest.mark.requirement("R.6")
def test_a_recovery_code_stands_in_once(admin):
    _, codes = enrol(admin)
    assert len(set(codes)) == 10
    browser, _ = first_factor(admin)
    assert browser.post(CHALLENGE, {"code": f"{codes[3][:5]}-{codes[3][5:]}"}).status_code == 302
    again, _ = first_factor(admin)
    assert again.post(CHALLENGE, {"code": codes[3]}).status_code == 401
    assert again.post(CHALLENGE, {"code": codes[4]}).status_code == 302


@pytest.mark.requirement("R.6")
def test_guessing_codes_ends(admin):
    secret, _ = enrol(admin)
    browser, _ = first_factor(admin)
    statuses = [browser.post(CHALLENGE, {"code": "000000"}).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert browser.post(CHALLENGE, {"code": code_at(secret)}).status_code == 429


def test_the_way_between_the_factors_is_short(admin):
    secret, _ = enrol(admin)
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser, _ = first_factor(admin)
        traveller.shift(11 * 60)
        response = browser.post(CHALLENGE, {"code": code_at(secret)}, follow=True)
        assert "That took too long" in response.content.decode()


def test_the_second_step_looks_again_at_what_the_first_saw(admin):
    secret, _ = enrol(admin)
    browser, _ = first_factor(admin)
    User.objects.filter(id=admin.user.id).update(is_active=False)
    assert browser.post(CHALLENGE, {"code": code_at(secret)}).headers["Location"] == LOGIN


def test_secrets_are_encrypted(admin):
    secret, codes = enrol(admin)
    stored = {row.type: row.data for row in Authenticator.objects.filter(user=admin.user)}
    assert secret not in str(stored)
    assert not any(code in str(stored) for code in codes)
    assert decrypt(stored["totp"]["secret"].encode()).decode() == secret


@pytest.mark.requirement("R.6")
def test_who_must_have_one_is_led_to_it_before_anything_else(admin):
    member = make_person(admin.organization, Role.MEMBER)
    browser = signed_in_browser(member)
    assert browser.get("/dashboard/agents").status_code == 200
    update_organization(admin.actor, security={"second_factor_required": True})
    assert browser.get("/dashboard").headers["Location"] == ADD
    refused = browser.get("/api/v1/agents")
    assert refused.status_code == 403
    assert problem(refused)["type"].endswith("second_factor_required")
    # So is the token of somebody without one.
    assert problem(Api(member.token).get("/agents"))["type"].endswith("second_factor_required")
    page = browser.get(ADD)
    secret = decrypt(browser.session["app_secret"].encode()).decode()
    assert secret in page.content.decode()
    assert browser.post(ADD, {"code": "000000"}).status_code == 401
    with recorded(admin.organization.id, Event.SECOND_FACTOR_ADDED):
        done = browser.post(ADD, {"code": code_at(secret)})
    assert done.content.decode().count("<li>") == 10
    assert browser.get("/dashboard/agents").status_code == 200
    assert Api(member.token).get("/agents").status_code == 200


def test_a_session_without_the_factor_ends_when_one_is_added(admin):
    elsewhere, here = signed_in_browser(admin), signed_in_browser(admin)
    kept = UserSession.objects.filter(membership=admin.membership).order_by("-id").first()
    secret = generate_totp_secret()
    add_app(admin.actor, admin.user, secret=secret, code=code_at(secret), session=kept)
    assert elsewhere.get("/api/v1/me").status_code == 401
    assert here.get("/api/v1/me").status_code == 200


@pytest.mark.requirement("R.6")
def test_the_last_one_stays_where_it_is_demanded(admin):
    enrol(admin)
    update_organization(admin.actor, security={"second_factor_required": True})
    factor = Authenticator.objects.get(user=admin.user, type="totp")
    with pytest.raises(SignInMethodNeededError):
        remove_second_factor(admin.actor, factor.id)
    update_organization(admin.actor, security={"second_factor_required": False})
    with recorded(admin.organization.id, Event.SECOND_FACTOR_REMOVED):
        remove_second_factor(admin.actor, factor.id)
    assert not Authenticator.objects.filter(user=admin.user).exists()


def test_new_recovery_codes_end_the_old_ones(admin):
    _, old = enrol(admin)
    with recorded(admin.organization.id, Event.RECOVERY_CODES_MADE):
        new = make_recovery_codes(admin.actor)
    assert not set(old) & set(new)
    with pytest.raises(WrongCodeError):
        check_code(admin.user, old[0], address=None)
    assert check_code(admin.user, new[0], address=None) == "recovery_codes"


@pytest.mark.requirement("E3")
def test_critical_changes_need_a_recent_proof(admin):
    enrol(admin)
    browser = signed_in_browser(admin, second_factor="totp")
    UserSession.objects.filter(membership=admin.membership).update(proved_at=clock.now() - timedelta(minutes=16))
    refused = browser.patch("/api/v1/organization", {"security": {"session_hours": 4}}, content_type="application/json")
    assert (refused.status_code, problem(refused)["type"]) == (403, "urn:aim:problem:proof_required")
    prove = reverse("accounts:prove")
    assert "Is it still you?" in browser.get(f"{prove}?next=/account/password").content.decode()
    assert browser.post(prove, {"password": "wrong", "code": "", "next": "/"}).status_code == 401
    with recorded(admin.organization.id, Event.SESSION_PROVED):
        done = browser.post(prove, {"password": PASSWORD, "code": "", "next": "/account/password"})
    assert done.headers["Location"] == "/account/password"
    answer = browser.patch("/api/v1/organization", {"security": {"session_hours": 4}}, content_type="application/json")
    assert answer.status_code == 200


def test_fifty_wrong_ones_in_a_row_lock_the_person_for_a_while(admin):
    for _ in range(LOCK_AFTER):
        new_browser().post(LOGIN, {"email": admin.user.email, "password": "wrong"})
    admin.user.refresh_from_db()
    assert admin.user.locked_until > clock.now()
    response = new_browser().post(LOGIN, {"email": admin.user.email, "password": PASSWORD})
    assert response.status_code == 429
    # From elsewhere and later the owner gets in, and the count begins anew.
    User.objects.filter(id=admin.user.id).update(locked_until=clock.now() - timedelta(seconds=1))
    cache.clear()
    assert new_browser().post(LOGIN, {"email": admin.user.email, "password": PASSWORD}).status_code == 302
    admin.user.refresh_from_db()
    assert (admin.user.failed_attempts, admin.user.locked_until) == (0, None)


@pytest.mark.requirement("R.6")
def test_an_admin_resets_the_sign_in_of_somebody_who_lost_everything(admin):
    other = make_person(admin.organization, Role.MEMBER)
    enrol(other)
    browser = signed_in_browser(other, second_factor="totp")
    response = Api(admin.token).post(f"/members/{other.user.public_id}/reset-sign-in")
    password = response.json()["password"]
    assert browser.get("/api/v1/me").status_code == 401
    fresh = new_browser()
    assert fresh.post(LOGIN, {"email": other.user.email, "password": password}).status_code == 302
    assert fresh.get("/").headers["Location"] == reverse("accounts:password")


def test_an_admin_of_one_organization_does_not_open_the_door_to_another(admin):
    other = make_person(admin.organization, Role.MEMBER)
    elsewhere = make_organization()
    add_member(OPERATOR, other.user, organization=elsewhere, role=Role.ADMIN)
    assert Api(admin.token).post(f"/members/{other.user.public_id}/reset-sign-in").status_code == 409
    assert reset_sign_in(OPERATOR, other.user.id, organization_id=admin.organization.id)


def test_a_stale_session_adds_no_factor(admin):
    secret = generate_totp_secret()
    stale = type(admin.actor)(**{**{f: getattr(admin.actor, f) for f in admin.actor.__slots__}, "fresh": False})
    with pytest.raises(ProofRequiredError):
        add_app(stale, admin.user, secret=secret, code=code_at(secret), session=None)
