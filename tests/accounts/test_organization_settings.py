"""Settings of an organization: what is changed is on record, what would lock out or let in is refused."""

import zlib
from base64 import b64encode
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import transaction
from PIL import Image, PngImagePlugin

from accounts.alerts import kinds_by_role
from accounts.followers.alerts import AlertsFollower
from accounts.models import Organization, OrganizationLogo, Role, UserSession
from accounts.services.members import change_role, remove_member, transfer_ownership
from accounts.services.organizations import update_organization
from accounts.services.sessions import forget_ended_sessions
from aim import clock
from aim.ids import uuid7
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry
from aim.mail.models import OutgoingMail
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.api import Api, messages
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import entries, recorded


def picture(size=(40, 30), kind="PNG", **options) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def put_logo(person, content: bytes):
    return Api(person.token).call("PUT", "/organization/logo", {"content": b64encode(content).decode()})


@pytest.mark.requirement("W1.6")
def test_every_change_is_on_record_with_before_and_after(admin):
    with recorded(admin.organization.id, Event.ORGANIZATION_UPDATED) as added:
        response = Api(admin.token).patch(
            "/organization",
            {
                "timezone": "Europe/Berlin",
                "security": {"session_hours": 8, "second_factor_required": False},
                "alerts": {"agent_suspended": ["viewer", "admin"]},
            },
        )
    assert response.status_code == 200
    shown = response.json()
    assert shown["security"]["session_hours"] == 8
    assert shown["alerts"]["agent_suspended"] == ["admin", "viewer"]
    assert set(shown["alerts"]) == {kind.code for kind in kinds_by_role()}
    assert added[0]["data"]["changes"] == {
        "timezone": {"before": "UTC", "after": "Europe/Berlin"},
        "session_hours": {"before": 12, "after": 8},
        "alert_preferences": {"before": {}, "after": {"agent_suspended": ["admin", "viewer"]}},
    }


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"security": {"session_hours": 0}}, "security.session_hours", "1 to 168"),
        ({"security": {"session_hours": "8"}}, "security.session_hours", "integer"),
        ({"security": {"allowed_domains": ["gmail.com"]}}, "security.allowed_domains", "Everybody can have"),
        ({"security": {"allowed_domains": ["other.example"]}}, "security.allowed_domains", "No admin"),
        ({"security": {"allowed_domains": ["no domain"]}}, "security.allowed_domains", "no domain such as"),
        ({"security": {"root": True}}, "security.root", "Unknown field"),
        ({"alerts": {"nothing": ["admin"]}}, "alerts.nothing", "There is no alert"),
        ({"alerts": {"agent_suspended": ["king"]}}, "alerts.agent_suspended", "is no role"),
        ({"timezone": "Mars/Olympus"}, "timezone", "Unknown time zone"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_changed(admin, body, field, words):
    with recorded(admin.organization.id):
        response = Api(admin.token).patch("/organization", {"name": "Changed", **body})
    assert response.status_code == 400
    assert any(field in told and words in message for told, message in messages(response)), messages(response)


@pytest.mark.requirement("W1.6")
def test_single_sign_on_only_needs_somebody_who_has_used_it(admin):
    response = Api(admin.token).patch("/organization", {"security": {"sso_only": True}})
    assert response.status_code == 409
    assert "once yourself" in response.json()["detail"]


@pytest.mark.requirement("W1.6")
def test_a_shorter_session_length_ends_older_sessions_at_once(admin):
    browser = signed_in_browser(admin)
    UserSession.objects.filter(membership=admin.membership).update(started_at=clock.now() - timedelta(hours=3))
    assert browser.get("/api/v1/me").status_code == 200
    update_organization(admin.actor, security={"session_hours": 2})
    assert browser.get("/api/v1/me").status_code == 401
    forget_ended_sessions()
    assert not UserSession.objects.filter(membership=admin.membership).exists()


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew(admin, kind):
    hidden = PngImagePlugin.PngInfo()
    hidden.add_text("comment", "<script>alert(1)</script>")
    options = {"pnginfo": hidden} if kind == "PNG" else {}
    upload = picture((900, 300), kind, **options) + b"<script>alert(2)</script>"
    with recorded(admin.organization.id, Event.ORGANIZATION_UPDATED) as added:
        assert put_logo(admin, upload).status_code == 200
    logo = OrganizationLogo.objects.get(organization=admin.organization)
    stored = bytes(logo.content)
    assert b"script" not in stored
    assert stored.startswith(b"\x89PNG")
    assert (logo.width, logo.height) == (512, 171)
    assert added[0]["data"]["changes"] == {"logo": {"before": None, "after": logo.digest}}
    shown = signed_in_browser(admin).get(f"/dashboard/logo/{logo.digest}")
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    stranger = signed_in_browser(make_person(make_organization()))
    assert stranger.get(f"/dashboard/logo/{logo.digest}").status_code == 404
    with recorded(admin.organization.id, Event.ORGANIZATION_UPDATED):
        assert Api(admin.token).delete("/organization/logo").status_code == 204


def _bomb() -> bytes:
    """A small file that says it is 30,000 pixels wide and high."""
    header = bytearray(picture((20, 20)))
    header[16:24] = (30_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    return bytes(header)


HOSTILE = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "gif": picture(kind="GIF"),
    "bmp": picture(kind="BMP"),
    "pdf": b"%PDF-1.7\n1 0 obj\n",
    "empty": b"",
    "cut": picture((200, 200))[:120],
    "text": b"x" * 100,
    "tiny": picture((2, 2)),
    "bomb": _bomb(),
    "postscript": b"%!PS-Adobe-3.0\n",
    "wide": picture((5000, 20)),
}


@pytest.mark.requirement("W1.6")
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_file_that_is_no_safe_picture_is_refused(admin, name):
    with recorded(admin.organization.id):
        response = put_logo(admin, HOSTILE[name])
    assert response.status_code == 400, name


def test_a_logo_that_is_too_large_is_refused(admin):
    assert put_logo(admin, b"\x89PNG" + bytes(1_000_001)).status_code == 400
    assert Api(admin.token).call("PUT", "/organization/logo", {"content": "?"}).status_code == 400


@pytest.mark.requirement("R.2")
def test_an_admin_ends_a_members_sessions_and_nobody_elses(admin):
    member, stranger = make_person(admin.organization, Role.MEMBER), make_person(make_organization())
    browser = signed_in_browser(member)
    listed = Api(admin.token).get(f"/members/{member.user.public_id}/sessions").json()["results"]
    assert [row["method"] for row in listed] == ["password"]
    foreign = signed_in_browser(stranger)
    session = UserSession.objects.get(membership=stranger.membership)
    assert Api(admin.token).delete(f"/sessions/{session.public_id}").status_code == 404
    assert Api(member.token).delete(f"/sessions/{session.public_id}").status_code == 404
    with recorded(admin.organization.id, Event.SESSION_ENDED):
        assert Api(admin.token).delete(f"/members/{member.user.public_id}/sessions").status_code == 204
    assert browser.get("/api/v1/me").status_code == 401
    assert foreign.get("/api/v1/me").status_code == 200


@pytest.mark.requirement("R.6")
def test_people_see_and_end_their_own_sessions(admin):
    first, second = signed_in_browser(admin), signed_in_browser(admin)
    rows = Api(admin.token).get("/sessions").json()["results"]
    assert len(rows) == 2
    oldest = min(rows, key=lambda row: row["id"])
    assert first.get("/api/v1/me").status_code == 200
    Api(admin.token).delete(f"/sessions/{oldest['id']}")
    assert first.get("/api/v1/me").status_code == 401
    assert second.get("/api/v1/me").status_code == 200


@pytest.mark.requirement("R.2")
def test_what_a_member_owns_is_handed_over_before_they_leave(admin):
    leaving, staying = make_person(admin.organization, Role.MANAGER), make_person(admin.organization, Role.MANAGER)
    agent = make_agent(leaving.actor).agent
    response = Api(admin.token).post(f"/members/{leaving.user.public_id}/transfer", {"to": staying.user.public_id})
    assert response.json() == {"transferred": 1}
    agent.refresh_from_db()
    assert agent.owner_id == staying.user.id
    stranger = make_person(make_organization())
    refused = Api(admin.token).post(f"/members/{leaving.user.public_id}/transfer", {"to": stranger.user.public_id})
    assert refused.status_code == 404
    assert transfer_ownership(admin.actor, leaving.user.id, to_user_id=staying.user.id) == 0
    browser = signed_in_browser(leaving)
    remove_member(admin.actor, leaving.user.id, organization_id=admin.organization.id)
    assert browser.get("/api/v1/me").status_code == 401


@pytest.mark.requirement("W1.6")
def test_alerts_go_to_the_roles_that_were_chosen_and_once(admin, mail_server):
    manager, viewer = make_person(admin.organization, Role.MANAGER), make_person(admin.organization, Role.VIEWER)
    update_organization(admin.actor, alerts={"role_changed": ["manager", "viewer"]})
    other = make_person(admin.organization, Role.MEMBER)
    change_role(admin.actor, other.user.id, organization_id=admin.organization.id, role=Role.VIEWER)
    [body] = [entry for entry in entries(admin.organization.id) if entry["kind"] == Event.MEMBERSHIP_ROLE_CHANGED]
    entry = SealedEntry(
        seq=1,
        id=uuid7(),
        kind=body["kind"],
        organization_id=admin.organization.id,
        subject_id=other.user.id,
        recorded_at=clock.now(),
        body=body,
    )
    for _ in range(2):  # The second time is a replay.
        with transaction.atomic():
            AlertsFollower().follow([entry])
    mine = OutgoingMail.objects.filter(organization_id=admin.organization.id, kind="alert")
    assert {mail.recipient for mail in mine} == {manager.user.email, viewer.user.email, other.user.email}
    assert mine.count() == 3
    assert mine[0].subject == f"AIM Alert: {other.user.email} is now viewer, was member"


def test_the_organization_is_shown_to_everybody_in_it(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    shown = Api(viewer.token).get("/organization").json()
    assert shown["logo"] is None
    assert shown["security"] == {
        "second_factor_required": False,
        "sso_only": False,
        "session_hours": 12,
        "allowed_domains": [],
    }
    assert Organization.objects.get(id=admin.organization.id).allowed_domains == []
