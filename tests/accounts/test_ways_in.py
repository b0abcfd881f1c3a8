"""The matrix: every way in meets every check, and none asks less than another."""

import json
from collections.abc import Callable

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import call_command
from django.urls import reverse

from accounts.contracts import OPERATOR
from accounts.models import Organization, User, UserSession
from accounts.services.members import add_member
from accounts.services.organizations import set_organization_status, update_organization
from tests.accounts.test_second_factors import code_at, enrol
from tests.factories.accounts import PASSWORD, Person, make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import new_browser, signed_in_browser

LOGIN, CHALLENGE = reverse("accounts:login"), reverse("accounts:second-factor")


def by_password(person, _provider):
    browser = new_browser()
    browser.post(LOGIN, {"email": person.user.email, "password": PASSWORD})
    return browser


def by_google(person, provider):
    browser = new_browser()
    provider.sign_in(browser, "google", provider.knows(person.user.email))
    return browser


def by_oidc(person, provider):
    browser = new_browser()
    provider.sign_in(browser, "oidc", provider.knows(person.user.email))
    return browser


def by_linked_microsoft(person, provider):
    sub = provider.knows("anything@example.org")
    SocialAccount.objects.create(user=person.user, provider="microsoft", uid=sub)
    browser = new_browser()
    provider.sign_in(browser, "microsoft", sub)
    return browser


def by_session(person, _provider):
    """One that was begun before."""
    return signed_in_browser(person)


WAYS: dict[str, Callable] = {
    "password": by_password,
    "google": by_google,
    "oidc": by_oidc,
    "microsoft": by_linked_microsoft,
    "session": by_session,
}


def is_in(browser) -> bool:
    return browser.get("/api/v1/agents").status_code == 200 and browser.get("/dashboard/agents").status_code == 200


def inactive(person: Person) -> None:
    User.objects.filter(id=person.user.id).update(is_active=False)


def disabled(person: Person) -> None:
    status = Organization.Status.DISABLED
    set_organization_status(OPERATOR, person.organization, status=status, reason="unpaid")


def without_membership(person: Person) -> None:
    make_person(person.organization)
    person.membership.delete()


def owing_a_second_factor(person: Person) -> None:
    update_organization(person.actor, security={"second_factor_required": True})


def without_the_second_factor(person: Person) -> None:
    enrol(person)


CHECKS: list[Callable] = [inactive, disabled, without_membership, owing_a_second_factor, without_the_second_factor]


@pytest.mark.requirement("R.6", "W1.2")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_leads_in(identity_provider, way):
    assert is_in(WAYS[way](make_person(make_organization()), identity_provider))


@pytest.mark.requirement("R.6", "W1.2")
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_past_a_check(identity_provider, way, check):
    person = make_person(make_organization())
    if way == "session":
        browser = WAYS[way](person, identity_provider)
        assert is_in(browser)
        check(person)
    else:
        check(person)
        browser = WAYS[way](person, identity_provider)
    assert not is_in(browser)
    token = Api(person.token).get("/agents").status_code
    # A token was made in a session that had passed the second factor, and is itself asked only whether there is one.
    assert (token == 200) == (check is without_the_second_factor)


@pytest.mark.requirement("R.6", "W1.2")
@pytest.mark.parametrize("way", ["password", "google", "oidc", "microsoft"])
def test_the_second_factor_leads_on_whatever_the_first_was(identity_provider, way):
    person = make_person(make_organization())
    secret, _ = enrol(person)
    browser = WAYS[way](person, identity_provider)
    assert browser.post(CHALLENGE, {"code": code_at(secret)}).status_code == 302
    assert is_in(browser)
    session = UserSession.objects.get(membership=person.membership)
    assert (session.method, session.second_factor) == (way, "totp")


@pytest.mark.requirement("R.6")
def test_one_person_in_two_organizations_goes_by_the_rules_of_each(identity_provider):
    person, strict = make_person(make_organization()), make_person(make_organization())
    add_member(OPERATOR, person.user, organization=strict.organization, role="member")
    Organization.objects.filter(id=strict.organization.id).update(sso_only=True)
    browser = by_password(person, identity_provider)
    assert is_in(browser)
    switch = reverse("accounts:organization-switch")
    response = browser.post(switch, {"organization": strict.organization.public_id}, follow=True)
    assert browser.get("/api/v1/me").json()["organization"]["id"] == person.organization.public_id
    assert response.status_code == 200
    assert browser.post(switch, {"organization": make_organization().public_id}).status_code == 404
    trusted = by_google(person, identity_provider)
    trusted.post(switch, {"organization": strict.organization.public_id})
    assert trusted.get("/api/v1/me").json()["organization"]["id"] == strict.organization.public_id


@pytest.mark.requirement("R.6")
def test_the_operator_lets_somebody_in_again(capsys):
    person = make_person(make_organization())
    enrol(person)
    Organization.objects.filter(id=person.organization.id).update(sso_only=True)
    call_command("resetsignin", "--email", person.user.email, "--allow-passwords")
    password = capsys.readouterr().out.split()[4]
    browser = new_browser()
    assert browser.post(LOGIN, {"email": person.user.email, "password": password}).status_code == 302
    assert browser.get("/dashboard").headers["Location"] == reverse("accounts:password")


def test_passkey_answers_that_fit_nothing_are_refused():
    browser = new_browser()
    assert browser.post(reverse("accounts:passkey-check-options")).json()["publicKey"]["challenge"]
    for credential in (
        "",
        "null",
        "[]",
        "{}",
        '{"id": 1}',
        json.dumps({"response": {"userHandle": "AAAA"}}),
        "x" * 2000,
    ):
        browser.post(reverse("accounts:passkey-check-options"))
        response = browser.post(reverse("accounts:passkey"), {"credential": credential}, follow=True)
        assert "This passkey is not known here" in response.content.decode(), credential
