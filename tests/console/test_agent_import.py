"""Registrations that a browser kept while AIM was away, handed over as the file it exported."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Role
from agents.models import Agent
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of

IMPORT = reverse("agents:agent-import")


@pytest.fixture
def admin():
    return make_person(make_organization())


def exported(name, **changes):
    """One form as `aim/static/aim/js/offline.js` writes it."""
    fields = {
        "display_name": ["Kept Agent"],
        "name": [name],
        "agent_type": ["ai_agent"],
        "version": ["1.0.0"],
        "min_trust": ["70"],
        "auto_suspend_below": ["50"],
        "access_scope_kind": ["organization"],
        "calls_per_hour": ["1000"],
        "gigabytes_per_day": ["10"],
        "public_key": [pem_of(Ed25519PrivateKey.generate())],
    }
    return {"form": fields | changes}


def hand_over(person, content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return browser_of(person).post(IMPORT, {"file": SimpleUploadedFile("kept.json", raw)})


@pytest.mark.requirement("E4")
def test_what_was_kept_is_registered_and_its_keys_are_shown_once(admin):
    answer = hand_over(admin, [exported("kept-one"), exported("kept-two"), exported("kept-one")])
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert set(Agent.objects.filter(organization=admin.organization).values_list("name", flat=True)) == {
        "kept-one",
        "kept-two",
    }
    assert shown.count("aim_") >= 2
    assert answer.headers["Cache-Control"].find("no-store") >= 0


@pytest.mark.requirement("E4")
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b"7", b"[" * 5000, b"x" * 1_000_001])
def test_what_is_no_such_file_is_refused_in_words(admin, content):
    answer = hand_over(admin, content)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Agent.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("E4")
@pytest.mark.parametrize("content", [[1], {"form": {}}, [{"form": {"name": "no list"}}]])
def test_a_registration_without_its_fields_is_told_what_is_missing(admin, content):
    shown = hand_over(admin, content).content.decode()
    assert "name: This field is required." in shown
    assert not Agent.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("E4", "R.2")
def test_who_may_not_register_may_not_hand_over(admin):
    assert hand_over(make_person(admin.organization, Role.MEMBER), [exported("x")]).status_code == 403
