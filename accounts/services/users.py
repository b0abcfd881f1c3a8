"""People: how they come to be, and their passwords."""

import secrets
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from accounts.contracts import Actor
from accounts.errors import NameTakenError
from accounts.ledger_entries import record
from accounts.models import User
from accounts.permissions import Permission
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event

_PASSWORD_BYTES = 15


def one_time_password() -> str:
    """20 characters of 120 random bits, for a first sign-in."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def user_by_email(email: str) -> User | None:
    """Upper and lower case are one address, as the database's constraint says."""
    return User.objects.annotate(folded=Lower("email")).filter(folded=email.strip().lower()).first()


@transaction.atomic
def create_user(actor: Actor, email: str, *, name: str = "", password: str, organization_id: UUID | None) -> User:
    """Somebody who must replace the given password at the first sign-in. Raises `NameTakenError`."""
    actor.require(Permission.MEMBERS_WRITE)
    try:
        with transaction.atomic():
            user = User.objects.create_user(email.strip(), password, name=name, must_change_password=True)
    except IntegrityError:
        raise NameTakenError("This e-mail address is in use.") from None
    record(
        actor,
        Event.USER_CREATED,
        organization_id=organization_id,
        subject=user,
        data={},
        personal={"email": user.email, "name": name},
    )
    return user


@transaction.atomic
def change_password(actor: Actor, *, current: str, new: str) -> User:
    """The person's own. Raises `InvalidInputError` naming `current_password` or `new_password`."""
    user = User.objects.select_for_update(no_key=True).filter(id=actor.self_id, is_active=True).first()
    if user is None:
        raise NotFoundError
    if not user.check_password(current):
        raise InvalidInputError((Problem("current_password", "wrong", "This is not your current password."),))
    if current == new:
        raise InvalidInputError(
            (Problem("new_password", "unchanged", "Choose a password other than the current one."),)
        )
    try:
        validate_password(new, user)
    except ValidationError as error:
        problems = tuple(Problem("new_password", "weak", message) for message in error.messages)
        raise InvalidInputError(problems) from None
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    record(actor, Event.USER_PASSWORD_CHANGED, organization_id=actor.organization_id, subject=user, data={})
    return user
