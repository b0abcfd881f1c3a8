"""From the invitation to the membership: one address, one role, one use."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.errors import InvitationEndedError, PermissionDeniedError, WrongInvitationAddressError
from accounts.models import Invitation, Membership, Role, User
from accounts.services.invitations import accept_invitation, invite_members, resend_invitation, revoke_invitation
from accounts.services.members import change_role, remove_member
from accounts.services.users import create_user
from aim import clock
from aim.errors import ConflictError, InvalidInputError
from aim.ledger.events import Event
from aim.mail.models import OutgoingMail
from aim.secrets import digest_of
from tests.factories.accounts import PASSWORD, make_organization, make_person, unique
from tests.factories.api import Api, messages
from tests.factories.browser import new_browser, signed_in_browser
from tests.factories.ledger import recorded
from tests.factories.mail_server import send_waiting
from tests.factories.threads import at_once

LOGIN = reverse("accounts:login")


def address() -> str:
    return f"{unique('guest')}@example.com"


def invite(inviter, email=None, role=Role.MEMBER):
    [invited] = invite_members(inviter.actor, [email or address()], role=role).made
    return invited


def secret_of(invited) -> str:
    return invited.link.partition("invitation=")[2]


def guest(invited) -> User:
    """Somebody with an account and the invited address, and no membership."""
    user = User.objects.create_user(invited.invitation.email, PASSWORD)
    user.save()
    return user


def accept(invited, user):
    return accept_invitation(digest_of(secret_of(invited)), user, address=None, method="password")


@pytest.mark.requirement("W1.5")
def test_several_are_invited_and_a_member_is_named(admin, mail_server):
    first, second = address(), address()
    with recorded(admin.organization.id, Event.INVITATION_CREATED, Event.INVITATION_CREATED):
        response = Api(admin.token).post(
            "/invitations",
            {"emails": [first, second.upper(), first, admin.user.email], "role": "manager", "message": "Welcome"},
        )
    assert response.status_code == 201
    body = response.json()
    assert body["message"] == "Invitations sent to 2 team members"
    assert [failed["code"] for failed in body["failed"]] == ["already_member"]
    assert {shown["link"] for shown in body["invitations"]} == {None}
    send_waiting(admin.organization.id)
    [mail] = mail_server.to(first)
    assert "Welcome" in mail.get_body(("plain",)).get_content()
    assert "Accept the invitation" in mail.get_body(("html",)).get_content()
    listed = Api(admin.token).get("/invitations").json()["results"]
    assert {row["delivery"] for row in listed} == {"sent"}
    assert {row["status"] for row in listed} == {"open"}


@pytest.mark.requirement("W1.5")
def test_a_refused_address_is_named_and_can_be_tried_again(admin, mail_server):
    email = address()
    mail_server.refused[email] = "550 no such user here"
    identifier = (
        Api(admin.token).post("/invitations", {"emails": [email], "role": "viewer"}).json()["invitations"][0]["id"]
    )
    send_waiting(admin.organization.id)
    shown = Api(admin.token).get(f"/invitations/{identifier}").json()
    assert (shown["delivery"], shown["delivery_error"]) == ("failed", "550 no such user here")
    del mail_server.refused[email]
    with recorded(admin.organization.id, Event.INVITATION_RESENT):
        assert Api(admin.token).post(f"/invitations/{identifier}/resend").json()["delivery"] == "sending"
    send_waiting(admin.organization.id)
    assert Api(admin.token).get(f"/invitations/{identifier}").json()["delivery"] == "sent"
    assert len(mail_server.to(email)) == 1


@pytest.mark.requirement("W1.5")
def test_without_a_mail_server_the_link_is_shown(admin):
    body = Api(admin.token).post("/invitations", {"emails": [address()], "role": "member"}).json()
    assert body["invitations"][0]["delivery"] == "by_hand"
    assert "/login?invitation=aiminv_" in body["invitations"][0]["link"]
    assert not OutgoingMail.objects.filter(organization_id=admin.organization.id).exists()


@pytest.mark.requirement("W1.5")
def test_every_wrong_address_is_named_and_nothing_is_sent(admin):
    response = Api(admin.token).post("/invitations", {"emails": ["a@", address(), "b"], "role": "member"})
    assert response.status_code == 400
    assert messages(response) == [
        ("emails[0]", '"a@" is no e-mail address.'),
        ("emails[2]", '"b" is no e-mail address.'),
    ]
    assert not Invitation.objects.filter(organization=admin.organization).exists()


@pytest.mark.requirement("W1.1")
def test_fifty_accept_at_once_and_one_is_let_in(admin):
    invited = invite(admin)
    user = guest(invited)
    outcomes = at_once(50, lambda _: accept(invited, user))
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvitationEndedError) for outcome in outcomes) == 49
    assert Membership.objects.get(user=user).role == Role.MEMBER


@pytest.mark.requirement("W1.1")
def test_it_is_bound_to_its_address(admin):
    invited = invite(admin)
    other = create_user(admin.actor, address(), password=PASSWORD, organization_id=admin.organization.id)
    with recorded(admin.organization.id), pytest.raises(WrongInvitationAddressError):
        accept(invited, other)
    assert accept(invited, guest(invited)).role == Role.MEMBER


@pytest.mark.requirement("W1.1")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER, None])
def test_it_ends_with_its_inviters_right(admin, role):
    inviter = make_person(admin.organization)
    invited = invite(inviter, role=Role.ADMIN)
    if role is None:
        event = Event.MEMBERSHIP_REMOVED
        with recorded(admin.organization.id, event, Event.INVITATION_REVOKED):
            remove_member(admin.actor, inviter.user.id, organization_id=admin.organization.id)
    else:
        with recorded(admin.organization.id, Event.MEMBERSHIP_ROLE_CHANGED, Event.INVITATION_REVOKED):
            change_role(admin.actor, inviter.user.id, organization_id=admin.organization.id, role=role)
    with pytest.raises(InvitationEndedError):
        accept(invited, guest(invited))


@pytest.mark.requirement("W1.1")
def test_an_inviter_who_lost_the_right_by_any_way_invites_nobody(admin):
    inviter = make_person(admin.organization)
    invited = invite(inviter)
    Membership.objects.filter(id=inviter.membership.id).update(role=Role.VIEWER)
    with recorded(admin.organization.id), pytest.raises(InvitationEndedError):
        accept(invited, guest(invited))
    assert Invitation.objects.get(id=invited.invitation.id).accepted_at is None


@pytest.mark.requirement("W1.1")
def test_it_expires_at_use(admin):
    invited = invite(admin)
    Invitation.objects.filter(id=invited.invitation.id).update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(InvitationEndedError):
        accept(invited, guest(invited))


@pytest.mark.requirement("W1.5")
def test_resent_means_that_the_old_link_is_dead(admin):
    first = invite(admin)
    second = resend_invitation(admin.actor, first.invitation.id)
    user = guest(first)
    with pytest.raises(InvitationEndedError):
        accept(first, user)
    assert accept(second, user).user_id == user.id
    with pytest.raises(ConflictError):
        resend_invitation(admin.actor, first.invitation.id)


@pytest.mark.requirement("W1.5")
def test_revoked_means_dead_and_its_mail_is_held_back(admin, mail_server):
    invited = invite(admin)
    with recorded(admin.organization.id, Event.INVITATION_REVOKED):
        revoke_invitation(admin.actor, invited.invitation.id)
    send_waiting(admin.organization.id)
    assert not mail_server.to(invited.invitation.email)
    with pytest.raises(InvitationEndedError):
        accept(invited, guest(invited))
    with pytest.raises(ConflictError):
        revoke_invitation(admin.actor, invited.invitation.id)


def test_invited_anew_the_newest_counts(admin):
    email = address()
    first, second = invite(admin, email, Role.ADMIN), invite(admin, email.upper(), Role.VIEWER)
    user = guest(first)
    with pytest.raises(InvitationEndedError):
        accept(first, user)
    assert accept(second, user).role == Role.VIEWER


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_only_admins_invite(admin, role):
    other = make_person(admin.organization, role)
    with pytest.raises(PermissionDeniedError):
        invite(other)


def test_the_secret_is_kept_nowhere(admin, mail_server):
    invited = invite(admin)
    secret = secret_of(invited)
    row = Invitation.objects.get(id=invited.invitation.id)
    assert bytes(row.digest) == digest_of(secret)
    assert secret not in row.mail.content
    send_waiting(admin.organization.id)
    row.mail.refresh_from_db()
    assert (row.mail.status, row.mail.content) == ("sent", "")


@pytest.mark.requirement("W1.1")
def test_a_new_person_joins_with_a_password(admin, mail_server):
    email = address()
    invite(admin, email, Role.MANAGER)
    send_waiting(admin.organization.id)
    browser = new_browser()
    arrived = browser.get(mail_server.link_to(email))
    assert arrived.headers["Location"] == LOGIN
    page = browser.get(LOGIN).content.decode()
    assert f"Sign in to {admin.organization.name}" in page
    assert f"You were invited by {admin.user.email} as Manager." in page
    assert email in page
    weak = browser.post(LOGIN, {"name": "Ada", "new_password": "short"})
    assert weak.status_code == 400
    assert "at least 12 characters" in weak.content.decode()
    expected = (Event.USER_CREATED, Event.MEMBERSHIP_CREATED, Event.INVITATION_ACCEPTED, Event.USER_SIGNED_IN)
    with recorded(admin.organization.id, *expected):
        entered = browser.post(LOGIN, {"name": "Ada", "new_password": "a sentence of my own"})
    assert entered.status_code == 302
    me = browser.get("/api/v1/me").json()
    assert (me["label"], me["role"]) == (email, "manager")
    assert new_browser().get(mail_server.link_to(email)).headers["Location"] == LOGIN


@pytest.mark.requirement("W1.1")
def test_somebody_with_an_account_joins_by_signing_in(admin):
    elsewhere = make_person(make_organization())
    invited = invite(admin, elsewhere.user.email, Role.VIEWER)
    browser = new_browser()
    browser.get(f"{LOGIN}?invitation={secret_of(invited)}")
    browser.post(LOGIN, {"email": elsewhere.user.email, "password": PASSWORD})
    assert browser.get("/api/v1/me").json()["organization"]["id"] == admin.organization.public_id


@pytest.mark.requirement("W1.1")
def test_somebody_signed_in_joins_by_one_button(admin):
    elsewhere = make_person(make_organization())
    invited = invite(admin, elsewhere.user.email)
    browser = signed_in_browser(elsewhere)
    browser.get(f"{LOGIN}?invitation={secret_of(invited)}")
    assert f"Join as {elsewhere.user.email}" in browser.get(LOGIN).content.decode()
    browser.post(reverse("accounts:join"))
    assert browser.get("/api/v1/me").json()["organization"]["id"] == admin.organization.public_id


@pytest.mark.requirement("W1.1")
def test_a_link_that_has_ended_says_so(admin):
    invited = invite(admin)
    revoke_invitation(admin.actor, invited.invitation.id)
    browser = new_browser()
    for secret in (secret_of(invited), "aiminv_unknown", ""):
        assert "This invitation has ended" in browser.get(f"{LOGIN}?invitation={secret}", follow=True).content.decode()


def test_an_organization_sends_so_many_a_day_and_no_more(admin, monkeypatch):
    monkeypatch.setattr("accounts.services.invitations.MOST_A_DAY", 2)
    invite(admin)
    with pytest.raises(ConflictError, match="at most 2 invitations a day"):
        invite_members(admin.actor, [address(), address()], role=Role.MEMBER)
    with pytest.raises(InvalidInputError, match="at most 50"):
        invite_members(admin.actor, [address() for _ in range(51)], role=Role.MEMBER)
