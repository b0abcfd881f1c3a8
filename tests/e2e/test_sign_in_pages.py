"""Signing in, passkeys, the account and the settings, in a real browser."""

import re
import secrets

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.hashers import Argon2PasswordHasher
from playwright.sync_api import expect

from accounts.models import Organization, OrganizationLogo, Role, UserSession
from accounts.services.invitations import invite_members
from accounts.services.logos import set_logo
from accounts.services.organizations import update_organization
from accounts.services.teams import add_team_member, create_team
from aim import clock
from tests.accounts.test_organization_settings import picture
from tests.accounts.test_second_factors import enrol
from tests.e2e.browser import Visit
from tests.examples.product import running_product
from tests.factories.accounts import PASSWORD, unique

SETTINGS = ("", "/members", "/roles", "/security", "/alerts", "/tokens")


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(clock.now().timestamp()) // 30))


def invite(cast, role=Role.MANAGER):
    email = f"{unique('michael')}@example.com"
    [invited] = invite_members(cast.admin.actor, [email], role=role).made
    return email, invited.link.partition("/login")[2]


@pytest.fixture
def named(cast):
    """An organization with names, as pictures show them."""
    people = [cast.admin, cast.manager, cast.member, cast.viewer]
    for person, name in zip(people, ("Robert Kim", "Sarah Chen", "Ada Example", "Tom Reyes"), strict=True):
        person.user.name = name
        # The web process knows the product's own way to keep passwords, and not the tests' quick one.
        person.user.password = Argon2PasswordHasher().encode(PASSWORD, secrets.token_hex(8))
        person.user.save()
    Organization.objects.filter(id=cast.organization.id).update(name=f"Meridian Health {secrets.token_hex(2)}")
    return cast


@pytest.mark.requirement("W1.2")
def test_the_ways_in_are_without_fault(visit, named):
    page = visit("/login")
    page.check_looks("login")
    page.open("/login/forgotten")
    page.check_looks()
    _, query = invite(named)
    page.open(f"/login{query}")
    page.check_looks("invited")


@pytest.mark.requirement("W1.6")
def test_the_settings_are_without_fault(visit, named):
    invite(named)
    invite(named, Role.VIEWER)
    team = create_team(named.admin.actor, "Platform")
    add_team_member(named.admin.actor, team.id, user_id=named.manager.user.id)
    enrol(named.manager)
    set_logo(named.admin.actor, picture((96, 96)))
    assert OrganizationLogo.objects.filter(organization=named.organization).exists()
    page = visit("/dashboard/settings", named.admin)
    for tab in SETTINGS:
        page.open(f"/dashboard/settings{tab}")
        assert page.status == 200
        page.check_looks(f"settings{tab.replace('/', '-')}")
    page.open(f"/dashboard/settings/members/{named.manager.user.public_id}")
    page.check_looks("settings-member")
    page.open("/dashboard/account")
    page.check_looks("account")
    page.open("/dashboard/account/factors/new")
    page.check_looks("factor")


@pytest.mark.requirement("W1.1", "W1.5")
def test_somebody_is_invited_and_joins(visit, named):
    page = visit("/dashboard/settings/members", named.admin)
    page.get_by_role("link", name="Invite Team").click()
    page.get_by_label("Email addresses").fill("nonsense")
    page.get_by_role("button", name="Send Invitations").click()
    page.get_by_text("is no e-mail address").wait_for()
    # The answer that refuses is an answer.
    page.problems[:] = [problem for problem in page.problems if "422" not in problem]
    email = f"{unique('michael')}@example.com"
    page.get_by_label("Email addresses").fill(email)
    page.get_by_label("Role").select_option("manager")
    page.picture("invite-light-1440")
    page.get_by_role("button", name="Send Invitations").click()
    link = page.locator("aim-dialog [data-copy]").first.inner_text()
    page.check_quiet()
    page.picture("invited-result-light-1440")
    guest = visit(f"/login{link.partition('/login')[2]}")
    assert "invitation=" not in guest.url
    guest.get_by_text("You were invited by Robert Kim as Manager.").wait_for()
    guest.get_by_label("Your name").fill("Michael Torres")
    guest.get_by_label("New password").fill("a sentence nobody guesses")
    guest.get_by_role("button", name=re.compile("^Join ")).click()
    guest.wait_for_url(re.compile("/dashboard"))
    page.open("/dashboard/settings/members")
    page.get_by_text("Michael Torres").first.wait_for()


@pytest.mark.requirement("W1.1", "W1.2")
def test_an_invited_person_joins_by_single_sign_on(chromium, tmp_path, named, identity_provider):
    """A web process of its own, which is told of the providers."""
    names, kinds = ("GOOGLE", "MICROSOFT", "OIDC"), ("ID", "SECRET")
    variables = {f"AIM_{name}_CLIENT_{kind}": "tests" for name in names for kind in kinds}
    variables |= {"AIM_OIDC_SERVER_URL": identity_provider.url, "AIM_OIDC_NAME": "Example ID"}
    with running_product(tmp_path, people=False, **variables) as product:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        page = Visit(context, product.url)
        email, query = invite(named)
        page.open(f"/login{query}")
        page.check_themes("login-providers")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.locator("[name=sub]").first.fill(identity_provider.knows(email, name="Michael Torres"))
        page.locator("form [type=submit]").first.click()
        page.wait_for_url(re.compile(f"{product.url}/dashboard"))
        # What the provider's own page could not load is not ours.
        page.problems.clear()
        page.open("/dashboard/account")
        page.get_by_text("Example ID").first.wait_for()
        page.check_themes()
        page.context.clear_cookies()
        page.open("/login")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.get_by_role("button", name="Deny").click()
        page.get_by_role("link", name="Try again with Example ID").wait_for()
        page.picture("login-refused-light-1440")
        context.close()


@pytest.mark.requirement("R.6")
def test_a_passkey_is_added_and_signs_in_by_itself(visit, named, product):
    """Passkeys belong to a host name, so that the page is opened by that of this machine."""
    page = visit("/login")
    page.address = page.address.replace("127.0.0.1", "localhost")
    devtools = page.context.new_cdp_session(page.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.open("/login")
    page.get_by_label("Email").fill(named.manager.user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/dashboard"))
    page.open("/dashboard/account/factors/new")
    page.get_by_label("Name of the passkey").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("Your second factor is set").wait_for()
    expect(page.locator(".codes li")).to_have_count(10)
    page.open("/dashboard/account")
    page.get_by_text("My laptop").wait_for()
    page.picture("account-passkey-light-1440")
    page.get_by_role("button", name="You and your settings").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/login"))
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(re.compile("/dashboard"))
    session = UserSession.objects.get(membership=named.manager.membership)
    assert (session.method, session.second_factor) == ("passkey", "passkey")
    page.get_by_role("button", name="You and your settings").click()
    page.get_by_role("button", name="Sign out").click()
    # With the password it is the second step.
    page.get_by_label("Email").fill(named.manager.user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("One more step").wait_for()
    page.picture("second-factor-light-1440")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(re.compile("/dashboard"))
    # And it is the proof that a critical change asks for.
    UserSession.objects.filter(membership=named.manager.membership).update(proved_at="2020-01-01T00:00:00Z")
    page.open("/dashboard/settings/tokens/new")
    page.get_by_text("Is it still you?").wait_for()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Make the token").wait_for()
    page.check_quiet()


@pytest.mark.requirement("R.6")
def test_who_must_have_a_second_factor_is_led_to_it(visit, named):
    update_organization(named.admin.actor, security={"second_factor_required": True})
    page = visit("/dashboard/agents", named.member)
    page.get_by_text("Your organization demands one.").wait_for()
    page.check_looks("factor-demanded")
    secret = page.locator(".enrol-key").inner_text()
    page.get_by_label("Code", exact=True).fill(code_of(secret))
    page.get_by_role("button", name="Add the app").click()
    page.get_by_text("Your second factor is set").wait_for()
    page.check_looks("recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url(re.compile("/dashboard"))
