"""What people see when the server is away, or their session has ended: the server is really stopped."""

import json
import time
from contextlib import suppress
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from playwright.sync_api import Error as PlaywrightError

from agents.models import Agent
from tests.e2e.product import stopped
from tests.factories.accounts import PASSWORD
from tests.factories.agents import make_verified_agent, pem_of
from tests.factories.followers import follow_all

pytestmark = pytest.mark.slow


@pytest.mark.requirement("E3")
def test_a_session_that_ends_while_suspending_is_taken_up_again(visit, cast):
    agent = make_verified_agent(cast.admin.actor, display_name="Night Owl").agent
    page = visit(f"/dashboard/agents/{agent.public_id}", cast.manager)
    page.get_by_role("link", name="Suspend…").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Strange calls at night")
    key = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "sessionid")
    Session.objects.filter(session_key=key).delete()
    page.get_by_role("button", name="Suspend now").click()
    page.get_by_text("Session expired. Please sign in again.").wait_for()
    assert Agent.objects.get(id=agent.id).status == "verified"
    page.picture("session-expired")
    # The web process hashes as in production, which the tests' own settings do not.
    cast.manager.user.password = Argon2PasswordHasher().encode(PASSWORD, "a salt of some length")
    cast.manager.user.save()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in").click()
    door = opened.value
    door.get_by_label("Email").fill(cast.manager.user.email)
    door.get_by_label("Password", exact=True).fill(PASSWORD)
    door.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("Continue suspending agent Night Owl?").wait_for()
    page.picture("session-continue")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Night Owl is suspended.").wait_for()
    assert Agent.objects.get(id=agent.id).status == "suspended"
    page.problems[:] = [problem for problem in page.problems if "401" not in problem]


@pytest.mark.requirement("E1")
def test_the_last_data_stay_while_the_server_is_away(visit, cast, own_product):
    make_verified_agent(cast.admin.actor, display_name="Night Owl")
    page = visit("/dashboard/agents", cast.manager, base=own_product.url, service_workers="allow", quiet=False)
    page.get_by_text("Night Owl").first.wait_for()
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.reload()
    page.get_by_text("Night Owl").first.wait_for()
    # The page that shows the secret of an app is not kept, unlike the one before it.
    page.goto(f"{own_product.url}/dashboard/account")
    page.get_by_role("link", name="Add a second factor").click()
    page.locator(".enrol-key").wait_for()
    page.goto(f"{own_product.url}/dashboard/agents")
    page.get_by_text("Night Owl").first.wait_for()
    kept = page.evaluate(
        "caches.open('aim-marked-pages').then((cache) => cache.keys()).then((all) => all.map((one) => one.url))"
    )
    assert [url.removeprefix(own_product.url) for url in kept] == ["/dashboard/account", "/dashboard/agents"]
    with stopped(own_product):
        page.evaluate("document.querySelector('aim-connection').ask()")
        page.get_by_text("Connection lost. Retrying…").first.wait_for()
        page.get_by_text("Offline Mode").wait_for()
        page.reload()
        page.get_by_text("Night Owl").first.wait_for()
        page.evaluate("document.querySelector('aim-connection').ask()")
        page.get_by_text("Cannot connect to AIM. Check your connection.").first.wait_for()
        page.picture("offline")
    page.evaluate("document.querySelector('aim-connection').ask()")
    page.get_by_text("Offline Mode").wait_for(state="hidden")


def ask_now(page):
    """Not waited for: once AIM has answered, what was kept is sent, and an empty list may be drawn anew before that."""
    with suppress(PlaywrightError):
        page.evaluate("() => { document.querySelector('aim-connection').ask(); }")


@pytest.mark.requirement("E4")
def test_a_registration_is_kept_until_the_server_is_back(visit, cast, own_product, tmp_path):
    page = visit("/dashboard/agents", cast.manager, base=own_product.url, quiet=False)
    page.get_by_role("link", name="Register Agent").first.click()
    page.get_by_label("Display Name").fill("Kept Agent")
    page.get_by_label("Agent Name").fill("kept-agent")
    page.get_by_role("button", name="Security Configuration").click()
    page.get_by_label("Public key", exact=True).fill(pem_of(Ed25519PrivateKey.generate()))
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("button", name="Register Agent").wait_for()
    with stopped(own_product):
        page.get_by_role("dialog").get_by_role("button", name="Register Agent").click()
        page.get_by_text("Service temporarily unavailable. Your request is saved.").wait_for()
        page.picture("registration-kept")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export as JSON").click()
        exported = tmp_path / "kept.json"
        download.value.save_as(exported)
        assert not Agent.objects.filter(organization=cast.organization).exists()

    def answer_late(route):
        """The empty list learns of its first agent before the page has the answer that shows its key."""
        answer = route.fetch()
        time.sleep(4)
        route.fulfill(response=answer)

    page.route("**/dashboard/agents/register", answer_late, times=1)
    ask_now(page)
    page.get_by_text("Agent registered successfully!").first.wait_for()
    assert Agent.objects.get(organization=cast.organization).name == "kept-agent"
    follow_all("notifications")
    page.get_by_role("link", name="Notifications: 1 unread").wait_for()
    entries = json.loads(exported.read_text())
    entries[0]["form"]["name"] = ["kept-by-command"]
    exported.write_text(json.dumps(entries))
    call_command("import_registration", exported, email=cast.manager.user.email, stdout=StringIO())
    assert Agent.objects.filter(organization=cast.organization, name="kept-by-command").exists()
    with pytest.raises(CommandError):
        call_command("import_registration", exported, email=cast.manager.user.email, stdout=StringIO())


@pytest.mark.requirement("E4")
def test_a_registration_whose_answer_is_lost_is_sent_again_and_registers_once(visit, cast, own_product):
    page = visit("/dashboard/agents", cast.manager, base=own_product.url, quiet=False)
    page.get_by_role("link", name="Register Agent").first.click()
    page.get_by_label("Display Name").fill("Kept Agent")
    page.get_by_label("Agent Name").fill("kept-agent")
    page.get_by_role("button", name="Security Configuration").click()
    page.get_by_label("Public key", exact=True).fill(pem_of(Ed25519PrivateKey.generate()))
    page.get_by_role("button", name="Review & Submit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Register Agent").wait_for()

    def lose(route):
        """The server has committed, and dies before its answer arrives."""
        route.fetch()
        own_product.stop()
        route.abort("connectionreset")

    page.route("**/dashboard/agents/register", lose, times=1)
    dialog.get_by_role("button", name="Register Agent").click()
    page.get_by_text("Service temporarily unavailable. Your request is saved.").wait_for()
    assert Agent.objects.get(organization=cast.organization).name == "kept-agent"
    own_product.start()
    ask_now(page)
    dialog.get_by_text("It was registered already, when the form was sent before").wait_for()
    page.picture("registration-repeated")
    dialog.get_by_role("link", name="Make a new API key").click()
    page.get_by_role("button", name="Make another key").wait_for()
    assert Agent.objects.get(organization=cast.organization).api_keys.count() == 1
