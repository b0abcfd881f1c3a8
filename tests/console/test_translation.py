"""A catalogue of another language takes effect on the pages, and the API stays English beside it."""

import struct
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.urls import reverse
from django.utils import translation

from accounts.alerts import alert_kind
from accounts.models import Role
from accounts.services.invitations import MOST_AT_ONCE, invite_members
from accounts.services.teams import create_team
from aim.errors import InvalidInputError
from mcp.drift import Kind, sentence_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import new_browser, signed_in_browser
from tests.verification.world import make_agent
from verification.policies.compiled import compile_book
from verification.policies.document import read_document
from verification.policies.sentences import sentences_of

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
    "When %(clauses)s.": "Wenn %(clauses)s.",
    "the action is %(names)s": "die Aktion %(names)s ist",
    "%(names)s or %(last)s": "%(names)s oder %(last)s",
    "Then %(people)s must approve": "Dann muss %(people)s zustimmen",
    "a manager": "ein Manager",
    "%(approval)s, within %(period)s": "%(approval)s, innerhalb von %(period)s",
    "%(n)d hour\0%(n)d hours": "%(n)d Stunde\0%(n)d Stunden",
    "Unless %(clauses)s.": "Außer wenn %(clauses)s.",
    "the operation is read-only": "nur gelesen wird",
    "Logging": "Protokollierung",
    "Agent %(name)s was suspended": "Agent %(name)s wurde gesperrt",
    "its schema has changed": "sein Schema hat sich geändert",
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
def test_a_policy_reads_in_the_readers_language_and_is_recorded_in_that_of_the_ledger():
    document = {
        "name": "Refunds",
        "effect": "require_approval",
        "match": {"actions": ["refund", "payment"]},
        "approval": {"roles": ["manager"], "expires_seconds": 7200},
        "auto_approve": [{"read_only": True}],
    }
    policy = {"document": document, "policy": UUID(int=1).hex, "id": UUID(int=2).hex, "number": 1, "state": "active"}
    row = {"timezone": "UTC", "roles": {}, "data_classes": [], "generation": 1, "policies": [policy]}
    with translation.override("de"):
        sentences = sentences_of(read_document(document))
        (made,) = compile_book(row).policies
        assert made.auto is not None
        _enough, said = made.auto.ask(SimpleNamespace(request=SimpleNamespace(action_type="file_write")))
    assert sentences == [
        "Wenn die Aktion refund oder payment ist.",
        "Dann muss ein Manager zustimmen, innerhalb von 2 Stunden.",
        "Außer wenn nur gelesen wird.",
    ]
    assert (made.label, said) == ("Refunds (version 1)", "Read-only operation: no")
    assert sentences_of(read_document(document))[1] == "Then a manager must approve, within 2 hours."


@pytest.mark.usefixtures("_german")
def test_a_decisions_tags_are_titled_in_the_readers_language(admin):
    made = make_agent(admin.actor)
    asked = made.ask_natively(made.body(resource="/etc/shadow")).json()["verification_id"]
    browser = signed_in_browser(admin)
    with translation.override("de"):
        page = browser.get(reverse("verification:verification-detail", args=[asked])).text
    assert "Protokollierung" in page
    answer = Api(admin.token).get(f"/verifications/{asked}").json()
    titles = {tag["title"] for group in answer["compliance_tags"] for tag in group["tags"]}
    assert "Logging" in titles


@pytest.mark.usefixtures("_german")
def test_what_happened_is_told_in_the_language_in_which_it_is_written():
    kind = alert_kind("agent_suspended")
    assert kind is not None
    entry = {"subject": {"label": "Bot"}, "data": {"reason": "It leaks."}}
    with translation.override("de"):
        assert kind.sentence(entry) == "Agent Bot wurde gesperrt: It leaks."
        assert sentence_of([Kind.SCHEMA, Kind.NEW]) == "sein Schema hat sich geändert; it is new"
    assert kind.sentence(entry) == "Agent Bot was suspended: It leaks."


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
