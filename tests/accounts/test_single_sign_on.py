"""A real OAuth dance with each provider: who is let in, who is not, and what is said then."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from accounts.contracts import OPERATOR
from accounts.models import Membership, Organization, Role, User
from accounts.services.invitations import invite_members
from accounts.services.organizations import set_organization_status, update_organization
from aim.ledger.events import Event
from tests.factories.accounts import PASSWORD, make_organization, make_person, unique
from tests.factories.browser import new_browser, signed_in_browser
from tests.factories.ledger import recorded

LOGIN = reverse("accounts:login")
CONFIRMING = ["google", "oidc"]


def me(browser):
    return browser.get("/api/v1/me").json()


def problem_of(browser) -> str:
    return browser.get(LOGIN).content.decode()


def arrive(browser, admin, email, role=Role.MEMBER):
    [invited] = invite_members(admin.actor, [email], role=role).made
    browser.get(f"{LOGIN}?invitation={invited.link.partition('invitation=')[2]}")


@pytest.mark.requirement("W1.2")
@pytest.mark.parametrize("provider", CONFIRMING)
def test_a_member_signs_in_and_is_known_by_the_identity_from_then_on(admin, identity_provider, provider):
    sub, browser = identity_provider.knows(admin.user.email.upper()), new_browser()
    with recorded(admin.organization.id, Event.IDENTITY_LINKED, Event.USER_SIGNED_IN) as added:
        response = identity_provider.sign_in(browser, provider, sub, next="/account/password")
    assert response.headers["Location"] == "/account/password"
    assert {entry["data"].get("method") for entry in added} == {None, provider}
    assert me(browser)["label"] == admin.user.email
    cookie = browser.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    # The provider's own id decides, whatever address it tells later.
    again = new_browser()
    with recorded(admin.organization.id, Event.USER_SIGNED_IN):
        identity_provider.sign_in(again, provider, sub)
    assert me(again)["label"] == admin.user.email
    assert SocialAccount.objects.get(uid=sub).extra_data == {}


@pytest.mark.requirement("W1.2")
@pytest.mark.parametrize("provider", [*CONFIRMING, "microsoft"])
def test_without_an_invitation_nobody_becomes_a_member(admin, identity_provider, provider):
    email, browser = f"{unique('stranger')}@example.com", new_browser()
    response = identity_provider.sign_in(browser, provider, identity_provider.knows(email))
    assert response.headers["Location"] == LOGIN
    page = problem_of(browser)
    assert "Ask an admin of your organization for an invitation" in page or "is not confirmed" in page
    assert "Try again with" in page
    assert not User.objects.filter(email=email).exists()


@pytest.mark.requirement("W1.2")
@pytest.mark.parametrize("verified", [False, None, "false"])
def test_an_unconfirmed_address_is_nobody(admin, identity_provider, verified):
    browser = new_browser()
    sub = identity_provider.knows(admin.user.email, verified=verified)
    identity_provider.sign_in(browser, "oidc", sub)
    assert "is not confirmed by this provider" in problem_of(browser)
    assert not SocialAccount.objects.filter(uid=sub).exists()


@pytest.mark.requirement("W1.2")
def test_microsofts_addresses_are_believed_only_of_the_operators_own_tenant(admin, identity_provider, settings):
    browser = new_browser()
    sub = identity_provider.knows(admin.user.email)
    identity_provider.sign_in(browser, "microsoft", sub)
    assert "is not confirmed by this provider" in problem_of(browser)
    app = settings.SOCIALACCOUNT_PROVIDERS["microsoft"]["APPS"][0]
    own = {**app, "settings": {**app["settings"], "tenant": "example.com", "verified_email": True}}
    settings.SOCIALACCOUNT_PROVIDERS = {**settings.SOCIALACCOUNT_PROVIDERS, "microsoft": {"APPS": [own]}}
    identity_provider.sign_in(browser, "microsoft", sub)
    assert me(browser)["label"] == admin.user.email


@pytest.mark.requirement("W1.1", "W1.2")
@pytest.mark.parametrize("provider", CONFIRMING)
def test_an_invited_person_joins(admin, identity_provider, provider):
    email, browser = f"{unique('guest')}@example.com", new_browser()
    arrive(browser, admin, email, Role.MANAGER)
    identity_provider.sign_in(browser, provider, identity_provider.knows(email, name="Ada Example"))
    assert (me(browser)["label"], me(browser)["role"]) == (email, "manager")
    assert me(browser)["organization"]["id"] == admin.organization.public_id
    assert not User.objects.get(email=email).has_usable_password()


@pytest.mark.requirement("W1.1", "W1.2")
@pytest.mark.parametrize("provider", [*CONFIRMING, "microsoft"])
def test_an_invitation_is_not_for_another_address(admin, identity_provider, provider):
    invited, used, browser = f"{unique('guest')}@example.com", f"{unique('other')}@example.com", new_browser()
    arrive(browser, admin, invited, Role.ADMIN)
    identity_provider.sign_in(browser, provider, identity_provider.knows(used))
    page = problem_of(browser)
    assert f"This invitation is for {invited}" in page
    assert not User.objects.filter(email__in=[invited, used]).exists()


@pytest.mark.requirement("W1.2")
def test_microsoft_does_not_open_an_invitation_by_an_unconfirmed_address(admin, identity_provider):
    email, browser = f"{unique('guest')}@example.com", new_browser()
    arrive(browser, admin, email, Role.ADMIN)
    identity_provider.sign_in(browser, "microsoft", identity_provider.knows(email))
    assert "not confirmed" in problem_of(browser)
    assert not User.objects.filter(email=email).exists()


@pytest.mark.requirement("W1.2")
def test_a_cancelled_sign_in_says_so_and_offers_to_try_again(admin, identity_provider):
    browser = new_browser()
    response = identity_provider.sign_in(browser, "google", "nobody", deny=True)
    assert response.headers["Location"] == LOGIN
    page = problem_of(browser)
    assert "You cancelled at Google." in page
    assert "Try again with Google" in page
    assert "You cancelled" not in problem_of(browser)


@pytest.mark.requirement("W1.2")
def test_an_answer_for_another_browser_is_refused(admin, identity_provider):
    """Without this, whoever makes somebody open the address would sign them in as somebody else."""
    sub = identity_provider.knows(admin.user.email)
    attacker, victim = new_browser(), new_browser()
    start = attacker.get("/login/with/google", headers={"sec-fetch-site": "same-origin"})
    back = identity_provider.consent(start.headers["Location"], sub)
    assert victim.get(back).headers["Location"] == LOGIN
    assert "belongs to no sign-in that was begun in this browser" in problem_of(victim)
    # Of two uses in the right browser, one counts.
    assert attacker.get(back).headers["Location"] != LOGIN
    assert new_browser().get(back).headers["Location"] == LOGIN


@pytest.mark.requirement("W1.2")
def test_a_provider_that_is_away_is_named(settings):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    away = {**app, "settings": {"server_url": "http://127.0.0.1:1"}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [away]}}
    browser = new_browser()
    response = browser.get("/login/with/oidc", headers={"sec-fetch-site": "same-origin"}, follow=True)
    assert "Example ID could not be reached." in response.content.decode()


@pytest.mark.requirement("W1.2")
def test_only_configured_providers_are_offered(settings):
    page = new_browser().get(LOGIN).content.decode()
    assert all(f"Sign in with {name}" in page for name in ("Google", "Microsoft", "Example ID"))
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert "Sign in with" not in new_browser().get(LOGIN).content.decode()
    assert new_browser().get("/login/with/google").status_code == 404


def test_another_site_begins_no_sign_in():
    response = new_browser().get("/login/with/google", headers={"sec-fetch-site": "cross-site"})
    assert response.headers["Location"] == LOGIN


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_next_leads_nowhere_else(admin, identity_provider, wanted):
    browser = new_browser()
    response = identity_provider.sign_in(browser, "google", identity_provider.knows(admin.user.email), next=wanted)
    assert response.headers["Location"] == "/"


def test_a_person_without_access_is_not_let_in(admin, identity_provider):
    sub = identity_provider.knows(admin.user.email)
    identity_provider.sign_in(new_browser(), "google", sub)
    set_organization_status(OPERATOR, admin.organization, status=Organization.Status.DISABLED, reason="unpaid")
    browser = new_browser()
    identity_provider.sign_in(browser, "google", sub)
    assert "Your account has no access any more" in problem_of(browser)


def test_a_signed_in_person_links_an_identity_that_proves_no_address(admin, identity_provider):
    browser = signed_in_browser(admin)
    sub = identity_provider.knows("whatever@example.org")
    with recorded(admin.organization.id, Event.IDENTITY_LINKED):
        identity_provider.sign_in(browser, "microsoft", sub, link="1")
    again = new_browser()
    identity_provider.sign_in(again, "microsoft", sub)
    assert me(again)["label"] == admin.user.email
    # It stays this person's: nobody else can link it.
    other = signed_in_browser(make_person(make_organization()))
    with recorded(admin.organization.id):
        identity_provider.sign_in(other, "microsoft", sub, link="1")
    assert SocialAccount.objects.get(uid=sub).user_id == admin.user.id


@pytest.mark.requirement("W1.2")
def test_an_allowed_domain_lets_its_people_in_as_viewers(identity_provider):
    admin = make_person(make_organization())
    domain = f"{unique('company')}.example"
    admin.user.email = f"boss@{domain}"
    admin.user.save()
    email = f"ada@{domain}"
    before = new_browser()
    identity_provider.sign_in(before, "google", identity_provider.knows(email))
    assert "There is no account" in problem_of(before)
    update_organization(admin.actor, security={"allowed_domains": [domain]})
    browser = new_browser()
    identity_provider.sign_in(browser, "google", identity_provider.knows(email))
    assert (me(browser)["label"], me(browser)["role"]) == (email, "viewer")
    # A domain that two organizations claim is nobody's.
    other = make_person(make_organization())
    Organization.objects.filter(id=other.organization.id).update(allowed_domains=[domain])
    third = new_browser()
    identity_provider.sign_in(third, "google", identity_provider.knows(f"eve@{domain}"))
    assert "There is no account" in problem_of(third)
    assert not Membership.objects.filter(user__email=f"eve@{domain}").exists()


@pytest.mark.requirement("W1.6")
def test_single_sign_on_only_keeps_passwords_out(admin, identity_provider):
    identity_provider.sign_in(new_browser(), "google", identity_provider.knows(admin.user.email))
    by_password = signed_in_browser(admin)
    update_organization(admin.actor, security={"sso_only": True})
    # In force for the next request of a session that was begun before.
    assert by_password.get("/api/v1/me").status_code == 401
    assert by_password.get("/dashboard").headers["Location"].startswith(LOGIN)
    response = new_browser().post(LOGIN, {"email": admin.user.email, "password": PASSWORD})
    assert response.status_code == 403
    assert "single sign-on only" in response.content.decode()
    browser = new_browser()
    identity_provider.sign_in(browser, "google", identity_provider.knows(admin.user.email))
    assert me(browser)["label"] == admin.user.email
