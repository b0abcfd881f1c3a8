"""What people see when the server breaks over what they have filled in."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from agents.models import Agent
from tests.factories.accounts import unique
from tests.factories.agents import pem_of

pytestmark = pytest.mark.slow


def fail_once(page, address):
    """The next form that is sent there meets a server that breaks."""

    broken = []

    def answer(route):
        if route.request.method != "POST" or broken:
            route.fallback()
        else:
            broken.append(route.request.url)
            route.fulfill(status=500, headers={"X-Request-ID": "0a1b2c"}, body="")

    page.route(address, answer)


@pytest.mark.requirement("W2.9")
def test_a_registration_that_fails_is_tried_again_with_everything_in_it(visit, cast):
    page = visit("/dashboard/agents", cast.manager, quiet=False)
    page.get_by_role("link", name="Register Agent").first.click()
    page.get_by_label("Display Name").fill("Second Try")
    page.get_by_label("Agent Name").fill("second-try")
    page.get_by_role("button", name="Security Configuration").click()
    page.get_by_label("Public key", exact=True).fill(pem_of(Ed25519PrivateKey.generate()))
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("button", name="Register Agent").wait_for()
    fail_once(page, "**/dashboard/agents/register*")
    page.get_by_role("dialog").get_by_role("button", name="Register Agent").click()
    page.get_by_text("Registration failed. Please try again.").wait_for()
    page.get_by_role("button", name="Retry").click()
    page.get_by_text("Agent registered successfully!").first.wait_for()
    assert Agent.objects.get(organization=cast.organization).name == "second-try"


@pytest.mark.requirement("W1.6")
def test_settings_that_could_not_be_saved_stay_in_the_form_and_are_sent_again(visit, cast):
    page = visit("/dashboard/settings", cast.admin, quiet=False)
    name = unique("Meridian")
    page.get_by_label("Organization name").fill(name)
    fail_once(page, "**/dashboard/settings*")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_text("That did not work. Nothing was changed.").wait_for()
    assert page.get_by_label("Organization name").input_value() == name
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("aside, header, nav").get_by_text(name).first).to_be_visible()
    cast.organization.refresh_from_db()
    assert cast.organization.name == name
