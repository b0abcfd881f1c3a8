"""The registration wizard, the proof followed live, and one agent's page, as people use them."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from agents.models import Agent, Challenge
from agents.services.challenges import Answer, answer_challenge
from agents.services.remote_proof import ask_for_signature, set_verification_url
from aim.outbound.places import allowed_networks
from tests.factories.agents import make_agent, make_verified_agent, pem_of, signature
from tests.mcp.hostile import Bent, as_json, bent_server

pytestmark = pytest.mark.slow


def fill_first_step(page, name="claude-code-assistant"):
    page.get_by_label("Display Name").fill("Claude Code Assistant")
    page.get_by_label("Agent Name").fill(name)
    page.get_by_label("Description").fill("AI-powered code assistant for development")


@pytest.mark.requirement("W2.2", "W2.3", "W2.4", "W2.5", "W2.6", "W2.7", "W2.8")
def test_an_agent_is_registered_shown_its_key_and_proved_while_the_dialog_follows(visit, cast):
    key = Ed25519PrivateKey.generate()
    page = visit("/dashboard/agents", cast.manager)
    page.get_by_role("link", name="Register Agent").first.click()
    dialog = page.get_by_role("dialog")
    fill_first_step(page)
    page.check()
    page.picture("register-1")
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("File System Access (read)").check()
    dialog.get_by_role("textbox", name="Resources").fill("/app/")
    page.picture("register-2")
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("Public key", exact=True).fill(pem_of(key))
    dialog.get_by_text("Valid public key, no private key in the paste").wait_for()
    page.check()
    page.picture("register-3")
    dialog.get_by_role("button", name="Review & Submit").click()
    dialog.get_by_role("button", name="Register Agent").wait_for()
    page.picture("register-5")
    page.check()
    dialog.get_by_role("button", name="Register Agent").click()
    page.get_by_text("Agent registered successfully!").first.wait_for()
    page.picture("registered")
    page.check()
    agent = Agent.objects.get(organization=cast.organization, name="claude-code-assistant")
    assert page.get_by_label("API key").inner_text().startswith("aim_")
    page.get_by_role("link", name="Verify").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Verify Now").click()
    dialog.get_by_text("Waiting for the agent’s signature…").wait_for()
    page.picture("verify-waiting")
    challenge = agent.challenges.get()
    answer = Answer(signature=signature(key, challenge.statement))
    answer_challenge(cast.manager.actor, agent.id, challenge_id=challenge.id, answer=answer)
    dialog.get_by_text("The agent holds the private key. Trust starts at 100.").wait_for()
    page.picture("verified")
    page.check()
    dialog.get_by_role("link", name="Done").click()
    page.get_by_text("Verified", exact=True).first.wait_for()
    page.picture("agent")


@pytest.mark.requirement("W2.9")
def test_errors_stand_at_their_fields_in_the_users_words(visit, cast):
    make_verified_agent(cast.admin.actor, name="taken")
    page = visit("/dashboard/agents/register", cast.manager)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("This field is required.").first.wait_for()
    fill_first_step(page, "taken")
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("button", name="Security Configuration").click()
    page.get_by_label("Public key", exact=True).fill("no key")
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("button", name="Register Agent").click()
    # The answer is the step with the fault.
    page.locator("p.field-error").get_by_text("Invalid public key format. Please upload valid PEM file.").wait_for()
    page.picture("register-bad-key")
    page.get_by_label("Public key", exact=True).fill(pem_of(Ed25519PrivateKey.generate()))
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("button", name="Register Agent").click()
    page.get_by_text("Agent name already exists. Use a different name.").wait_for()
    page.picture("register-name-taken")
    # Chromium reports each refusal of a form as an error of its own.
    page.problems[:] = [problem for problem in page.problems if "422" not in problem]


@pytest.mark.requirement("W2.10", "W2.11", "W3.5")
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_every_tab_of_an_agent_is_clean_and_suspending_asks_why(visit, cast, theme, width):
    agent = make_verified_agent(cast.admin.actor, capabilities=["code.execute", "file_system.read"]).agent
    page = visit(f"/dashboard/agents/{agent.public_id}", cast.manager, theme=theme, width=width)
    page.check()
    for tab in ("rights", "keys", "history", "overview"):
        page.open(f"/dashboard/agents/{agent.public_id}?tab={tab}")
        page.check()
        page.picture(f"agent-{tab}-{theme}-{width}")
    page.get_by_role("link", name="Suspend…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Strange calls at night")
    page.picture(f"agent-suspend-{theme}-{width}")
    dialog.get_by_role("button", name="Suspend now").click()
    page.get_by_text("Strange calls at night").first.wait_for()
    page.check()
    assert Agent.objects.get(id=agent.id).status == "suspended"


@pytest.mark.requirement("W2.10")
def test_an_edit_is_a_new_version_with_before_and_after(visit, cast):
    agent = make_verified_agent(cast.admin.actor).agent
    page = visit(f"/dashboard/agents/{agent.public_id}", cast.manager)
    page.get_by_role("link", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Version").fill("2.0.0")
    dialog.get_by_role("button", name="Review & Submit").click()
    dialog.get_by_role("button", name="Save changes").click()
    page.get_by_text("Changes saved. They are in force for the next decision.").wait_for()
    page.open(f"/dashboard/agents/{agent.public_id}?tab=history")
    page.get_by_text("2.0.0").first.wait_for()
    changed = Agent.objects.get(id=agent.id)
    assert (changed.version, changed.config_version, changed.resource_scope) == ("2.0.0", 2, ["/app/**"])


@pytest.mark.requirement("W2.8")
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_proof_at_the_verification_url_is_followed_live(visit, cast, settings, theme, width):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    allowed_networks.cache_clear()
    made = make_agent(cast.admin.actor, display_name="Claude Code Assistant")
    with bent_server(Bent(key=made.key)) as server:
        set_verification_url(cast.admin.actor, made.agent.id, url=f"{server.origin}/verify")
        page = visit(f"/dashboard/agents/{made.agent.public_id}", cast.manager, theme=theme, width=width)
        page.get_by_role("link", name="Verify", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Send cryptographic challenge").wait_for()
        page.check()
        page.picture(f"agent-verify-at-url-{theme}-{width}")
        server.bends = {"/verify": lambda _message: as_json({"signature": "AAAA"})}
        dialog.get_by_role("button", name="Verify Now").click()
        dialog.get_by_text("Waiting for a worker…").wait_for()
        ask_for_signature(Challenge.objects.get(agent=made.agent).id)
        dialog.get_by_text("Cryptographic verification failed. Check private key matches public key.").first.wait_for()
        page.check()
        page.picture(f"agent-verify-at-url-failed-{theme}-{width}")
        server.bends = {}
        dialog.get_by_role("button", name="Verify Now").click()
        dialog.get_by_text("Waiting for a worker…").wait_for()
        ask_for_signature(Challenge.objects.filter(agent=made.agent).latest("created_at").id)
        dialog.get_by_text("Trust starts at 100.").wait_for()
        expect(dialog.locator(".run-steps > .passed")).to_have_count(3)
        page.check()
        page.picture(f"agent-verify-at-url-done-{theme}-{width}")
    allowed_networks.cache_clear()
    dialog.get_by_role("link", name="Done").click()
    page.open(f"/dashboard/agents/{made.agent.public_id}?tab=keys")
    page.get_by_role("link", name="Prove again").click()
    page.get_by_role("dialog").get_by_role("button", name="Verify Now").wait_for()
    page.check()
