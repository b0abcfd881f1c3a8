"""The first hour of an empty installation, from the one-time password to a complete checklist, in one go.

The product runs as it does in earnest, with a worker and a database of its own; mail is really received, the colleague
signs in at a provider, and the agent is the one of docs/examples.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from aim.runtime.environment import CHECKOUT
from tests.e2e.browser import Visit
from tests.examples.product import running_product
from tests.factories.agents import pem_of
from tests.factories.databases import database_beside
from tests.factories.mail_server import running_mail_server
from tests.factories.timing import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE_MS = 60_000
POLICY = {
    "name": "Payroll needs a person",
    "effect": "require_approval",
    "match": {"resources": ["/app/payroll/**"]},
    "approval": {"roles": ["manager", "admin"]},
}


@pytest.fixture
def installation(tmp_path, identity_provider, _database):
    """An installation where nobody is yet, and the postbox that its mail goes to."""
    with running_mail_server() as postbox, database_beside() as url:
        variables = {
            "DATABASE_URL": url,
            "AIM_EMAIL_URL": f"smtp://127.0.0.1:{postbox.port}",
            "AIM_OIDC_CLIENT_ID": "tests",
            "AIM_OIDC_CLIENT_SECRET": "tests",
            "AIM_OIDC_SERVER_URL": identity_provider.url,
            "AIM_OIDC_NAME": "Example ID",
        }
        with running_product(tmp_path, worker=True, people=False, **variables) as product:
            yield product, postbox


@pytest.fixture
def someone(chromium, installation):
    product, _postbox = installation
    visits = []

    def open_browser(path):
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        visits.append(Visit(context, product.url))
        return visits[-1].open(path)

    yield open_browser
    for made in visits:
        made.context.close()


def first_admin(product):
    """What `manage.py up` prints at its first start."""
    account = [
        "--email",
        "robert@meridian.example",
        "--name",
        "Robert Kim",
        "--organization",
        "Meridian Health",
        "--json",
    ]
    made = subprocess.run(
        [sys.executable, "manage.py", "createadmin", *account],
        cwd=CHECKOUT,
        env=product.environment,
        capture_output=True,
        check=True,
    )
    return json.loads(made.stdout)


def example(monkeypatch, product):
    """docs/examples/agent.py, as a module."""
    monkeypatch.setenv("AIM_URL", product.url)
    path = Path(CHECKOUT) / "docs/examples/agent.py"
    spec = importlib.util.spec_from_file_location("example_agent", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sign_in_first(page, admin):
    page.get_by_label("Email").fill(admin["email"])
    page.get_by_label("Password", exact=True).fill(admin["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/account/password"))
    fields = page.locator("input[type=password]")
    chosen = "a sentence nobody guesses"
    for place, value in enumerate([admin["password"], chosen, chosen][-fields.count() :]):
        fields.nth(place).fill(value)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url(re.compile("/dashboard"))


def invite(page, email):
    page.open("/dashboard/settings/members")
    page.get_by_role("link", name="Invite Team").click()
    page.get_by_label("Email addresses").fill(email)
    page.get_by_label("Role").select_option("manager")
    page.get_by_role("button", name="Send Invitations").click()
    page.locator("aim-dialog").get_by_text(email).first.wait_for()


def join_by_provider(page, product, provider, email):
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.locator("[name=sub]").first.fill(provider.knows(email, name="Michael Torres"))
    page.locator("form [type=submit]").first.click()
    page.wait_for_url(re.compile(f"{product.url}/dashboard"))
    # What the provider's own page could not load is not ours.
    page.problems.clear()


def register(page, key):
    """Through the wizard; answers the API key that is shown this once."""
    page.open("/dashboard/agents")
    page.get_by_role("link", name="Register Agent").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Display Name").fill("Claude Code Assistant")
    dialog.get_by_label("Agent Name").fill("claude-code-assistant")
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("File System Access (read)").check()
    dialog.get_by_role("textbox", name="Resources").fill("/app/")
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("Public key", exact=True).fill(pem_of(key))
    dialog.get_by_text("Valid public key, no private key in the paste").wait_for()
    dialog.get_by_role("button", name="Review & Submit").click()
    dialog.get_by_role("button", name="Register Agent").click()
    page.get_by_text("Agent registered successfully!").first.wait_for()
    return page.get_by_label("API key").inner_text()


@pytest.mark.requirement("W1.1", "W1.2", "W1.5", "W2.7", "W4.6", "W4.10")
def test_from_the_one_time_password_to_a_complete_checklist(someone, installation, identity_provider, monkeypatch):
    product, postbox = installation
    admin = first_admin(product)
    page = someone("/login")
    sign_in_first(page, admin)
    page.open("/dashboard")
    page.get_by_role("heading", name="Getting Started").wait_for()

    email = "michael@meridian.example"
    invite(page, email)
    wait_until(lambda: postbox.to(email), what="the invitation's arrival")
    colleague = someone(postbox.link_to(email))
    join_by_provider(colleague, product, identity_provider, email)

    key = Ed25519PrivateKey.generate()
    module = example(monkeypatch, product)
    agent = object.__new__(module.Agent)
    agent.key, agent.api_key = key, register(colleague, key)
    with_token = json.loads(json.dumps(module.call("GET", "/api/v1/agents", bearer=admin["token"]).body))
    agent.id = with_token["results"][0]["id"]
    colleague.get_by_role("link", name="Verify").click()
    dialog = colleague.get_by_role("dialog")
    dialog.get_by_role("button", name="Verify Now").click()
    dialog.get_by_text("Waiting for the agent’s signature…").wait_for()
    agent.prove()
    dialog.get_by_text("The agent holds the private key. Trust starts at 100.").wait_for()

    page.open("/dashboard/verifications")
    page.locator("aim-connection[data-state=live]").wait_for()
    page.mouse.move(5, 400)
    assert agent.ask("file_read", "/app/config/config.json").body["approved"]
    page.get_by_text("/app/config/config.json").first.wait_for()

    made = module.call(
        "POST", "/api/v1/policies", bearer=admin["token"], body=json.dumps({"document": POLICY}).encode()
    )
    assert made.status == 201, made
    active = module.call(
        "POST", f"/api/v1/policies/{made.body['id']}/activate", bearer=admin["token"], body=b'{"version": 1}'
    )
    assert active.status == 200, active
    pending = agent.ask("file_read", "/app/payroll/2026-11.csv")
    assert pending.body["status"] == "pending", pending
    colleague.open("/dashboard/approvals")
    colleague.get_by_role("heading", name="file_read").wait_for()
    expect(colleague.locator(".decision-bar:not([inert])")).to_be_visible()
    colleague.keyboard.press("a")
    colleague.get_by_text("Approved. The agent learns it within a second.").wait_for()
    assert agent.follow(pending.body["verification_id"]).body["approved"]

    page.open("/dashboard")
    expect(page.get_by_role("heading", name="Getting Started")).to_have_count(0)
    page.check()
    page.picture("first-time-done")
