"""A catalogue of another language takes effect on the pages, and the API stays English beside it."""

import struct
from uuid import UUID

import pytest
from django.urls import reverse
from django.utils import translation

from accounts.models import Role
from accounts.services.invitations import MOST_AT_ONCE, invite_members
from accounts.services.teams import create_team
from aim.errors import InvalidInputError
from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import new_browser, signed_in_browser
from verification.policies.compiled import compile_book
from verification.policies.document import read_document

_TAKEN = "Team name already exists. Use a different name."
_HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
_SENTENCES = {
    "": _HEADER,
    _TAKEN: "Ein Team heißt schon so.",
    "The e-mail address and the password do not match.": "E-Mail-Adresse und Passwort passen nicht zusammen.",
    "Must be an object.": "Muss ein Objekt sein.",
    "Invite at most %(most)s person at once.\0Invite at most %(most)s people at once.": (
        "Laden Sie nur eine Person ein.\0Laden Sie höchstens %(most)s Personen ein."
    ),
}


def compiled(sentences: dict[str, str]) -> bytes:
    """The file that msgfmt would write: the tables of places and lengths, then the texts in the order of their ids."""
    pairs = sorted((key.encode(), text.encode()) for key, text in sentences.items())
    texts = [key for key, _text in pairs] + [text for _key, text in pairs]
    first = 28 + 8 * len(texts)
    places = [(len(text), first + sum(len(before) + 1 for before in texts[:at])) for at, text in enumerate(texts)]
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + b"".join(struct.pack("<2I", *place) for place in places) + b"".join(text + b"\0" for text in texts)


@pytest.fixture
def _german(settings, tmp_path):
    catalogue = tmp_path / "de" / "LC_MESSAGES" / "django.mo"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_bytes(compiled(_SENTENCES))
    settings.LOCALE_PATHS = [tmp_path]


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.mark.usefixtures("_german")
def test_a_services_error_is_translated_on_a_page(admin):
    create_team(admin.actor, "Platform")
    browser, door = signed_in_browser(admin), new_browser()
    with translation.override("de"):
        refused = door.post(reverse("accounts:login"), {"email": admin.user.email, "password": "wrong"})
        browser.post(reverse("accounts:team-create"), {"name": "platform"})
        taken = browser.get(reverse("accounts:members"))
        with pytest.raises(InvalidInputError, match=f"Laden Sie höchstens {MOST_AT_ONCE} Personen ein"):
            invite_members(admin.actor, [f"p{n}@example.com" for n in range(MOST_AT_ONCE + 1)], role=Role.VIEWER)
    assert "E-Mail-Adresse und Passwort passen nicht zusammen." in refused.text
    assert "Ein Team heißt schon so." in taken.text


@pytest.mark.usefixtures("_german")
def test_what_is_recorded_of_a_policy_stays_in_the_language_of_the_ledger():
    policy = {"document": [], "policy": UUID(int=1).hex, "id": UUID(int=2).hex, "number": 1, "state": "active"}
    row = {"timezone": "UTC", "roles": {}, "data_classes": [], "generation": 1, "policies": [policy]}
    with translation.override("de"):
        with pytest.raises(InvalidInputError, match="Muss ein Objekt sein"):
            read_document([])
        (broken,) = compile_book(row).broken
    assert "Must be an object." in broken


@pytest.mark.usefixtures("_german")
def test_the_api_answers_english_whatever_the_caller_reads(admin):
    create_team(admin.actor, "Platform")
    browser = signed_in_browser(admin)
    refused = browser.post(
        "/api/v1/teams", {"name": "platform"}, content_type="application/json", headers={"accept-language": "de"}
    )
    unread = browser.post(
        "/api/v1/teams", {"name": ["x"]}, content_type="application/json", headers={"accept-language": "de"}
    )
    assert refused.json()["detail"] == _TAKEN
    assert unread.json()["errors"][0]["message"] == "Not a valid string."
