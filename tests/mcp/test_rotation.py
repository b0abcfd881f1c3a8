"""The change of a server's key, over a whole rollover, with everything done twice, late and at once."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from aim import clock
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from aim.mail.models import OutgoingMail
from mcp.keys import accepted_keys
from mcp.models import KeyRotation, McpServer, ServerKey, VerificationRun
from mcp.services.rotation import (
    RotationPlan,
    confirm_rotation,
    key_proved,
    old_key_proved,
    revoke_key,
    rotation_under_way,
    start_rotation,
)
from mcp.tasks import move_rollovers
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.api import Api, messages
from tests.factories.ledger import entries, recorded
from tests.factories.mcp import make_proved_server, make_server
from tests.factories.threads import at_once

START = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def second(admin):
    return make_person(admin.organization)


@pytest.fixture
def api(admin):
    return Api(admin.token)


@pytest.fixture
def _mail(settings):
    """Mails are written, and nobody sends them: what was queued is looked at."""
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


def new_pem() -> str:
    return pem_of(Ed25519PrivateKey.generate())


def plan(**fields) -> RotationPlan:
    return RotationPlan(**{"public_key": new_pem(), "server_updated": True, **fields})


def proof(rotation: KeyRotation) -> VerificationRun:
    """A run that is about to say what the server has signed."""
    run = VerificationRun.objects.filter(key=rotation.new_key).first()
    return run or VerificationRun.objects.create(
        server=rotation.server, key=rotation.new_key, purpose="new_key", trigger="rotation", state="succeeded"
    )


def say(hook, rotation: KeyRotation) -> KeyRotation:
    with transaction.atomic():
        hook(proof(rotation))
    return KeyRotation.objects.select_related("old_key", "new_key").get(id=rotation.id)


def proved(rotation: KeyRotation) -> KeyRotation:
    say(old_key_proved, rotation)
    return say(key_proved, rotation)


def statuses(server: McpServer) -> list[str]:
    return list(server.keys.order_by("id").values_list("status", flat=True))


def kinds(server: McpServer) -> list[str]:
    return [entry["kind"] for entry in entries(server.organization_id) if entry["kind"].startswith("mcp.rotation")]


@pytest.mark.requirement("W9.2", "W9.6")
def test_each_error_has_its_own_sentence(admin, api):
    private = Ed25519PrivateKey.generate()
    server = make_proved_server(admin.actor, private)

    def refused(**fields):
        body = {"public_key": new_pem(), "server_updated": True, **fields}
        response = api.call("PUT", f"/mcp-servers/{server.public_id}/rotate-key", body)
        assert response.status_code == 400, response.content
        return messages(response)

    assert refused(public_key="no key")[0] == ("public_key", "Invalid public key format. Check PEM encoding.")
    assert refused(public_key=pem_of(private)) == [("public_key", "New key must be different from current key.")]
    assert refused(days=0) == [("days", "Minimum rollover period is 1 day.")]
    assert refused(days=31) == [("days", "Maximum rollover period is 30 days.")]
    assert [field for field, _ in refused(server_updated=False)] == ["server_updated"]
    assert [field for field, _ in refused(verification_url="http://elsewhere.example/")] == ["verification_url"]
    forbidden = refused(verification_url="https://127.0.0.1:1/verify")
    assert forbidden[0] == (
        "verification_url",
        "This address may not be called. Check URL, or have its network allowed.",
    )
    unreachable = refused(verification_url="https://no-such-host.invalid/verify")
    assert unreachable[0] == ("verification_url", "Cannot reach verification endpoint. Check URL and network.")
    assert not server.rotations.exists()
    assert statuses(server) == ["active"]


@pytest.mark.requirement("W9.2")
def test_a_rotation_is_started_once_and_changes_nothing_before_the_proof(admin, api):
    server = make_proved_server(admin.actor)
    body = {"public_key": new_pem(), "server_updated": True}
    with recorded(admin.organization.id, Event.MCP_ROTATION_STARTED):
        answers = at_once(
            4, lambda _: Api(admin.token).call("PUT", f"/mcp-servers/{server.public_id}/rotate-key", body).status_code
        )
    assert sorted(answers) == [200, 409, 409, 409]
    [rotation] = api.get(f"/mcp-servers/{server.public_id}/rotations").json()["results"]
    assert (rotation["state"], rotation["method"], rotation["days"]) == ("confirming", "gradual", 7)
    assert rotation["new_key"]["id"].startswith("mky_")
    assert statuses(server) == ["active", "unproved"]
    assert [key.status for key in accepted_keys(server.keys.all(), clock.now())] == ["active"]


@pytest.mark.requirement("W9.2")
def test_the_list_of_checks_is_the_same_for_the_api(admin, api):
    private = Ed25519PrivateKey.generate()
    server = make_proved_server(admin.actor, private)
    path = f"/mcp-servers/{server.public_id}/rotate-key/check"
    good = api.post(path, {"public_key": new_pem()}).json()
    assert good["passed"] is True
    assert [check["name"] for check in good["checks"]] == ["pem", "type", "length", "different"]
    same = api.post(path, {"public_key": pem_of(private)}).json()
    assert same["passed"] is False
    assert same["checks"][-1]["detail"] == "New key must be different from current key."
    assert api.post(path, {"public_key": "x"}).json()["fingerprint"] is None


@pytest.mark.requirement("W9.3", "W9.4")
@pytest.mark.usefixtures("_mail")
def test_a_whole_rollover_by_the_clock_with_every_step_three_times(admin):
    owner = make_person(admin.organization, Role.MANAGER)
    with time_machine.travel(START - timedelta(seconds=9), tick=False) as time:
        server = make_proved_server(owner.actor)
        for seconds, hooks in ((6, [key_proved]), (3, [old_key_proved] * 3), (0, [key_proved] * 3 + [old_key_proved])):
            # Ids are in order of time, so that the clock moves between what is compared.
            time.move_to(START - timedelta(seconds=seconds))
            rotation = rotation_under_way(server) or start_rotation(owner.actor, server.id, plan())
            for hook in hooks:
                rotation = say(hook, rotation)
        assert (rotation.state, rotation.confirmed_how) == ("rolling", "old_key")
        assert rotation.ends_at == START + timedelta(days=7)
        assert statuses(server) == ["leaving", "active"]
        reminded, days = [], []
        for hour in range(1, 7 * 24 + 2):
            time.move_to(START + timedelta(hours=hour) - timedelta(seconds=1))
            moved = [move_rollovers(), move_rollovers(), move_rollovers()]
            assert moved[1:] == [(0, 0), (0, 0)]
            before, rotation.reminders = rotation.reminders, KeyRotation.objects.get(id=rotation.id).reminders
            reminded += [hour] if rotation.reminders != before else []
            days.append(len(accepted_keys(server.keys.all(), clock.now())))
        assert reminded == [2 * 24 + 1, 5 * 24 + 1]
        assert days == [2] * (7 * 24) + [1]
    rotation.refresh_from_db()
    assert (rotation.state, rotation.completion, rotation.reminders) == ("completed", "automatic", [3, 6])
    assert statuses(server) == ["retired", "active"]
    assert kinds(server) == [
        "mcp.rotation.started",
        "mcp.rotation.confirmed",
        "mcp.rotation.proved",
        "mcp.rotation.reminded",
        "mcp.rotation.reminded",
        "mcp.rotation.completed",
    ]
    mails = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="mcp_rotation").order_by("id")
    told = {
        person.user.email: [m.subject for m in mails if m.recipient == person.user.email] for person in (admin, owner)
    }
    name = server.name
    assert (
        told[admin.user.email]
        == told[owner.user.email]
        == [
            f"AIM: The old key of {name} ends in 5 days",
            f"AIM: The old key of {name} ends in 2 days",
            f"AIM: Key rotation of {name} is complete",
        ]
    )


@pytest.mark.requirement("W9.4")
def test_the_end_is_once_however_many_workers_come_however_late(admin):
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(admin.actor)
        rotation = proved(start_rotation(admin.actor, server.id, plan(days=1)))
        # Nobody has worked for a week: the key has not been accepted since its end all the same.
        time.move_to(START + timedelta(days=8))
        assert [key.status for key in accepted_keys(server.keys.all(), clock.now())] == ["active"]
        at_once(5, lambda _: move_rollovers())
    rotation.refresh_from_db()
    assert rotation.state == "completed"
    assert rotation.reminders == []
    assert rotation.old_key is not None
    assert ServerKey.objects.get(id=rotation.old_key_id).retired_at == START + timedelta(days=1)
    assert kinds(server).count("mcp.rotation.completed") == 1
    assert "mcp.rotation.reminded" not in kinds(server)


@pytest.mark.requirement("W9.4")
def test_of_late_reminders_only_the_last_is_sent(admin):
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(admin.actor)
        rotation = proved(start_rotation(admin.actor, server.id, plan()))
        time.move_to(START + timedelta(days=5, hours=3))
        at_once(3, lambda _: move_rollovers())
    rotation.refresh_from_db()
    assert rotation.reminders == [6]
    assert kinds(server).count("mcp.rotation.reminded") == 1


@pytest.mark.requirement("W9.3")
def test_the_proof_counts_once_at_once(admin):
    server = make_proved_server(admin.actor)
    rotation = say(old_key_proved, start_rotation(admin.actor, server.id, plan()))
    proof(rotation)
    with recorded(admin.organization.id, Event.MCP_ROTATION_PROVED):
        at_once(3, lambda _: say(key_proved, rotation))
    assert statuses(server) == ["leaving", "active"]


@pytest.mark.requirement("W9.2")
def test_an_immediate_rotation_retires_the_old_key_with_the_proof(admin):
    server = make_proved_server(admin.actor)
    with recorded(
        admin.organization.id,
        Event.MCP_ROTATION_STARTED,
        Event.MCP_ROTATION_CONFIRMED,
        Event.MCP_ROTATION_PROVED,
        Event.MCP_ROTATION_COMPLETED,
    ):
        rotation = proved(start_rotation(admin.actor, server.id, plan(method="immediate")))
    assert (rotation.state, rotation.completion) == ("completed", "immediate")
    assert statuses(server) == ["retired", "active"]


@pytest.mark.requirement("W9.3")
def test_without_the_old_keys_proof_or_a_second_admin_the_new_key_counts_for_nothing(admin, second, api):
    server = make_proved_server(admin.actor)
    rotation = start_rotation(admin.actor, server.id, plan())
    assert say(key_proved, rotation).state == "confirming"
    assert statuses(server) == ["active", "unproved"]
    path = f"/mcp-servers/{server.public_id}/rotations/{show_id(IdKind.MCP_ROTATION, rotation.id)}/confirm"
    assert api.post(path).status_code == 409
    manager = make_person(admin.organization, Role.MANAGER)
    assert Api(manager.token).post(path).status_code == 403
    stranger = make_person(make_organization())
    assert Api(stranger.token).post(path).status_code == 404
    confirmed = Api(second.token).post(path)
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "proving")
    assert confirmed.json()["confirmed_how"] == "second_admin"
    assert Api(second.token).post(path).status_code == 409
    assert say(key_proved, rotation).state == "rolling"


@pytest.mark.requirement("W9.3")
def test_a_key_that_never_proved_anything_needs_nobodys_consent(admin):
    server = make_server(admin.actor, public_key=new_pem(), verification_url="https://mcp.company.com/verify")
    rotation = start_rotation(admin.actor, server.id, plan())
    assert rotation.state == "proving"
    assert (say(key_proved, rotation).state, statuses(server)) == ("completed", ["retired", "active"])


def test_an_old_key_that_is_proved_meanwhile_has_to_agree(admin, second):
    server = make_server(admin.actor, public_key=new_pem(), verification_url="https://mcp.company.com/verify")
    rotation = start_rotation(admin.actor, server.id, plan())
    server.keys.filter(id=rotation.old_key_id).update(status="active", proved_at=clock.now())
    assert say(key_proved, rotation).state == "confirming"
    assert statuses(server) == ["active", "unproved"]
    confirm_rotation(second.actor, server.id, rotation_id=rotation.id)
    assert say(key_proved, rotation).state == "rolling"


@pytest.mark.requirement("W9.4")
def test_early_completion_and_what_cannot_be_completed(admin, api):
    server = make_proved_server(admin.actor)
    rotation = start_rotation(admin.actor, server.id, plan())
    path = f"/mcp-servers/{server.public_id}/rotations/{show_id(IdKind.MCP_ROTATION, rotation.id)}"
    assert api.post(f"{path}/complete").status_code == 409
    proved(rotation)
    assert api.get(path).json()["day"] == 1
    assert api.post(f"{path}/abandon", {"reason": "Changed our minds"}).status_code == 409
    done = api.post(f"{path}/complete").json()
    assert (done["state"], done["completion"], done["old_key"]["status"]) == ("completed", "early", "retired")
    assert api.post(f"{path}/complete").status_code == 409


@pytest.mark.requirement("W9.3")
def test_an_abandoned_rotation_leaves_the_old_key_in_charge_for_ever(admin, api):
    server = make_proved_server(admin.actor)
    rotation = start_rotation(admin.actor, server.id, plan())
    path = f"/mcp-servers/{server.public_id}/rotations/{show_id(IdKind.MCP_ROTATION, rotation.id)}"
    assert api.post(f"{path}/abandon", {"reason": "The server has another key"}).json()["state"] == "abandoned"
    assert proved(rotation).state == "abandoned"
    assert statuses(server) == ["active", "retired"]
    assert start_rotation(admin.actor, server.id, plan()).state == "confirming"


def revoked(admin, server, key):
    return revoke_key(admin.actor, server.id, key_id=key.id, reason="The key was found in a log")


@pytest.mark.requirement("W9.3")
def test_a_stolen_only_key_leaves_the_server_unverified_and_the_next_to_two_admins(admin, second):
    server = make_proved_server(admin.actor)
    with recorded(admin.organization.id, Event.MCP_KEY_REVOKED):
        assert revoked(admin, server, server.keys.get()).verification == "unverified"
    rotation = start_rotation(admin.actor, server.id, plan())
    assert (rotation.state, rotation.old_key) == ("confirming", None)
    assert proved(rotation).state == "confirming"
    confirm_rotation(second.actor, server.id, rotation_id=rotation.id)
    assert say(key_proved, rotation).state == "completed"
    assert statuses(server) == ["retired", "active"]


def test_a_stolen_old_key_ends_the_rollover(admin):
    server = make_proved_server(admin.actor)
    rotation = proved(start_rotation(admin.actor, server.id, plan()))
    assert rotation.old_key is not None
    assert revoked(admin, server, rotation.old_key).verification == "verified"
    rotation.refresh_from_db()
    assert (rotation.state, rotation.completion, statuses(server)) == ("completed", "revoked", ["retired", "active"])


def test_a_stolen_new_key_brings_the_old_one_back(admin):
    server = make_proved_server(admin.actor)
    rotation = proved(start_rotation(admin.actor, server.id, plan()))
    assert revoked(admin, server, rotation.new_key).verification == "verified"
    rotation.refresh_from_db()
    assert (rotation.state, statuses(server)) == ("abandoned", ["active", "retired"])
    assert server.keys.get(status="active").leaves_at is None


def test_a_stolen_new_key_does_not_bring_back_an_old_one_past_its_end(admin):
    with time_machine.travel(START, tick=False) as time:
        server = make_proved_server(admin.actor)
        rotation = proved(start_rotation(admin.actor, server.id, plan(days=1)))
        time.move_to(START + timedelta(days=1))
        assert revoked(admin, server, rotation.new_key).verification == "unverified"
    assert statuses(server) == ["retired", "retired"]


def test_what_a_stolen_key_has_agreed_to_is_not_agreed(admin):
    server = make_proved_server(admin.actor)
    rotation = say(old_key_proved, start_rotation(admin.actor, server.id, plan()))
    assert rotation.old_key is not None
    revoked(admin, server, rotation.old_key)
    assert say(key_proved, rotation).state == "abandoned"
    assert statuses(server) == ["retired", "retired"]


@pytest.mark.requirement("W9.5")
def test_the_history_names_every_rotation_and_every_step_is_a_security_event(admin, api):
    server = make_proved_server(admin.actor)
    for _ in range(2):
        proved(start_rotation(admin.actor, server.id, plan(method="immediate")))
    rows = api.get(f"/mcp-servers/{server.public_id}/rotations").json()["results"]
    assert [row["state"] for row in rows] == ["completed", "completed"]
    assert rows[0]["old_key"]["id"] == rows[1]["new_key"]["id"]
    assert server.security_events.filter(kind="key_rotation").count() == 8


def test_the_api_revokes_a_key(admin, api):
    server = make_proved_server(admin.actor)
    key = server.keys.get()
    path = f"/mcp-servers/{server.public_id}/keys/{show_id(IdKind.MCP_KEY, key.id)}/revoke"
    assert api.post(path, {}).status_code == 400
    answer = api.post(path, {"reason": "Stolen"}).json()
    assert (answer["verification"], answer["keys"][0]["status"]) == ("unverified", "retired")
    assert api.post(path, {"reason": "Stolen"}).status_code == 409
