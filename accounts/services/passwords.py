"""Passwords: compared, changed, and set anew by a link that was mailed."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.errors import LinkEndedError, WrongCredentialsError
from accounts.ledger_entries import record
from accounts.models import Membership, User, UserSession
from accounts.selectors import memberships_of_user
from accounts.services.attempts import count_attempt, count_mail, forget_failures, note_failure, refuse_locked
from accounts.services.sessions import end_other_sessions
from accounts.services.users import user_by_email
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from aim.mail.outbox import queue_mail


def check_password(*, email: str, password: str, address: str | None, invited: bool = False) -> User:
    """The person whose password it is. Failures are on record; success is, once the session begins.

    `invited` also lets somebody in who has no membership yet, and is about to get one by an invitation.

    Raises `WrongCredentialsError`, `TooManyAttemptsError`; `SignInUnavailableError` while nothing can be counted.
    """
    count_attempt(email, address)
    user = user_by_email(email)
    if user is None:
        make_password(password)  # As long as a real comparison takes, so that time does not tell who is known.
    else:
        right = user.check_password(password)
        refuse_locked(user)
        if right and user.is_active and (invited or _usable_memberships(user)):
            return user
    note_failure(user, email=email, address=address, method="password")
    raise WrongCredentialsError


@transaction.atomic
def change_password(actor: Actor, *, current: str, new: str, kept: UserSession | None = None) -> User:
    """The person's own; all other sessions end. Raises `InvalidInputError` naming the field."""
    user = User.objects.select_for_update(no_key=True).filter(id=actor.self_id, is_active=True).first()
    if user is None:
        raise NotFoundError
    if not user.check_password(current):
        raise InvalidInputError((Problem("current_password", "wrong", _("This is not your current password.")),))
    if current == new:
        raise InvalidInputError(
            (Problem("new_password", "unchanged", _("Choose a password other than the current one.")),)
        )
    _set(user, new)
    record(actor, Event.USER_PASSWORD_CHANGED, organization_id=actor.organization_id, subject=user, data={})
    end_other_sessions(actor, user, kept=kept.id if kept else None)
    return user


@transaction.atomic
def ask_for_new_password(*, email: str, address: str | None) -> None:
    """Mail a link to a person who may use a password. Whoever asks learns nothing of whether there is one."""
    count_mail(email, address)
    user = user_by_email(email)
    memberships = _usable_memberships(user) if user else []
    if user is None or all(membership.organization.sso_only for membership in memberships):
        return
    membership = memberships[0]
    parts = [user.id.hex, default_token_generator.make_token(user)]
    queue_mail(
        kind="password_reset",
        recipient=user.email,
        subject=_("Choose a new password for AIM"),
        template="accounts/mail/password_reset",
        context={"name": user.name, "link": settings.ORIGIN + reverse("accounts:password-reset", args=parts)},
        organization_id=membership.organization_id,
    )
    actor = person_actor(membership, credential="mail", address=address)
    record(actor, Event.USER_PASSWORD_RESET_ASKED, organization_id=membership.organization_id, subject=user, data={})


def user_by_reset_link(uid: str, token: str) -> User:
    """Raises `LinkEndedError` for a link that was used, altered or is older than an hour."""
    try:
        user = User.objects.filter(id=UUID(hex=uid), is_active=True).first()
    except ValueError:
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise LinkEndedError
    return user


@transaction.atomic
def reset_password(*, uid: str, token: str, new: str, address: str | None) -> User:
    """By the mailed link, once: every session ends, and the second factor is asked for as ever."""
    known = user_by_reset_link(uid, token)
    user = User.objects.select_for_update(no_key=True).get(id=known.id)
    memberships = _usable_memberships(user)
    # Asked again behind the lock: of two who use the link at once, one finds it used.
    if not memberships or not default_token_generator.check_token(user, token):
        raise LinkEndedError
    _set(user, new)
    actor = person_actor(memberships[0], credential="mail", address=address)
    record(actor, Event.USER_PASSWORD_CHANGED, organization_id=actor.organization_id, subject=user, data={"by": "mail"})
    end_other_sessions(actor, user)
    forget_failures(user)
    return user


def check_new_password(new: str, user: User) -> None:
    """Raises `InvalidInputError` for `new_password`, naming everything that is wrong with it."""
    try:
        validate_password(new, user)
    except ValidationError as error:
        problems = tuple(Problem("new_password", "weak", message) for message in error.messages)
        raise InvalidInputError(problems) from None


def _set(user: User, new: str) -> None:
    check_new_password(new, user)
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])


def _usable_memberships(user: User) -> list[Membership]:
    return [membership for membership in memberships_of_user(user.id) if is_usable(membership)]
