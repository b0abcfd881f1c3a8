"""People: how they come to be, and their passwords."""

import secrets
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.errors import NameTakenError
from accounts.ledger_entries import record
from accounts.models import User
from accounts.permissions import Permission
from aim.errors import NotFoundError
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
        raise NameTakenError(_("This e-mail address is in use.")) from None
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
def rename_user(actor: Actor, name: str) -> User:
    """The person's own name, as others see it."""
    user = User.objects.select_for_update(no_key=True).filter(id=actor.self_id, is_active=True).first()
    if user is None:
        raise NotFoundError
    before, user.name = user.name, name
    if before != name:
        user.save(update_fields=["name"])
        changes = {"name": {"before": before, "after": name}}
        record(
            actor,
            Event.USER_UPDATED,
            organization_id=actor.organization_id,
            subject=user,
            data={},
            personal={"changes": changes},
        )
    return user
