"""Personal API tokens: no more rights than their maker has at the time, and none that outlive the membership."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import Membership, PersonalToken
from accounts.permissions import Permission, permissions_of
from aim import clock
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from aim.secrets import BearerSecret, new_secret

EVERYTHING = "*"
LONGEST_LIFE = timedelta(days=366)
_SCOPES = frozenset(permission.value for permission in Permission)


@transaction.atomic
def create_token(
    actor: Actor, name: str, *, membership: Membership, scopes: Iterable[str], expires_at: datetime
) -> tuple[PersonalToken, BearerSecret]:
    """A token of the membership; its secret is returned this once. Raises `InvalidInputError`, `NotFoundError`."""
    actor.require(Permission.TOKENS_OWN)
    if actor.organization_id is not None and (membership.user_id, membership.organization_id) != (
        actor.id,
        actor.organization_id,
    ):
        raise NotFoundError
    wanted = sorted(set(scopes))
    problems = (*_scope_problems(actor, membership, wanted), *_expiry_problems(expires_at))
    if problems:
        raise InvalidInputError(problems)
    secret = new_secret("aimp")
    token = PersonalToken.objects.create(
        membership=membership,
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=wanted,
        expires_at=expires_at,
    )
    record(
        actor,
        Event.TOKEN_CREATED,
        organization_id=membership.organization_id,
        subject=token,
        data={"scopes": wanted, "expires_at": clock.show_time(expires_at)},
        personal={"name": name, "of": {"id": membership.user_id.hex, "label": membership.user.email}},
    )
    return token, secret


@transaction.atomic
def revoke_token(actor: Actor, token_id: UUID) -> None:
    """One of the actor's own; revoking it again is a `NotFoundError`."""
    actor.require(Permission.TOKENS_OWN)
    token = (
        PersonalToken.objects.select_for_update(of=("self",))
        .filter(
            membership__organization_id=actor.scope,
            membership__user_id=actor.self_id,
            id=token_id,
            revoked_at=None,
        )
        .first()
    )
    if token is None:
        raise NotFoundError
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    personal = {"name": token.name}
    organization_id = actor.organization_id
    record(actor, Event.TOKEN_REVOKED, organization_id=organization_id, subject=token, data={}, personal=personal)


def _scope_problems(actor: Actor, membership: Membership, scopes: list[str]) -> list[Problem]:
    if not scopes:
        return [Problem("scopes", "required", _('Name at least one scope, or "*" for everything your role allows.'))]
    granted = permissions_of(membership.role)
    problems = []
    for scope in scopes:
        if scope == EVERYTHING:
            # A token with fewer rights than its owner must not make one that has them all.
            if not granted <= actor.permissions:
                problems.append(Problem("scopes", "not_held", _('Your credential is too narrow to grant "*".')))
        elif scope not in _SCOPES:
            problems.append(
                Problem(
                    "scopes",
                    "unknown",
                    _('"%(scope)s" is no scope. GET /api/v1/roles lists them.') % {"scope": scope[:80]},
                )
            )
        elif not actor.may(Permission(scope)) or Permission(scope) not in granted:
            problems.append(
                Problem("scopes", "not_held", _('You do not hold "%(scope)s" yourself.') % {"scope": scope})
            )
    return problems


def _expiry_problems(expires_at: datetime) -> list[Problem]:
    if not clock.now() < expires_at <= clock.now() + LONGEST_LIFE:
        return [
            Problem(
                "expires_at",
                "out_of_range",
                ngettext(
                    "Choose a moment within the next %(days)s day.",
                    "Choose a moment within the next %(days)s days.",
                    LONGEST_LIFE.days,
                )
                % {"days": LONGEST_LIFE.days},
            )
        ]
    return []
