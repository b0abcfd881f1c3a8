"""Signing in and out with a password. Guessing is counted before the password is even looked at."""

import hashlib

from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor, ActorKind
from accounts.errors import SignInUnavailableError, TooManyAttemptsError, WrongCredentialsError
from accounts.ledger_entries import record
from accounts.models import Membership, User
from accounts.selectors import memberships_of_user
from accounts.services.users import user_by_email
from aim.ledger.append import append_entry
from aim.ledger.events import Event

WINDOW_SECONDS = 15 * 60
PER_EMAIL_AND_ADDRESS = 10
PER_EMAIL = 100
PER_ADDRESS = 200


def sign_in(*, email: str, password: str, address: str | None) -> Membership:
    """The membership to begin the session with. Success and failure are both on record.

    Raises `WrongCredentialsError`, `TooManyAttemptsError`; `SignInUnavailableError` while nothing can be counted.
    """
    _count_attempt(email, address)
    user = user_by_email(email)
    if user is None:
        make_password(password)  # As long as a real comparison takes, so that time does not tell who is known.
    elif user.check_password(password):
        membership = memberships_of_user(user.id).first()
        if membership and is_usable(membership):
            _record_success(membership, address)
            return membership
    _record_failure(user, email, address)
    raise WrongCredentialsError


@transaction.atomic
def sign_out(actor: Actor, user: User) -> None:
    record(actor, Event.USER_SIGNED_OUT, organization_id=actor.organization_id, subject=user, data={})


@transaction.atomic
def _record_success(membership: Membership, address: str | None) -> None:
    actor = person_actor(membership, credential="password", address=address)
    record(actor, Event.USER_SIGNED_IN, organization_id=membership.organization_id, subject=membership.user, data={})


@transaction.atomic
def _record_failure(user: User | None, email: str, address: str | None) -> None:
    # The address as typed may hold a password by mistake, so that of an unknown person is kept as a digest.
    label = user.email if user else f"unknown:{_digest(email)}"
    nobody = Actor(
        kind=ActorKind.PERSON, id=None, label=label, organization_id=None, permissions=frozenset(), address=address
    )
    membership = memberships_of_user(user.id).first() if user else None
    append_entry(
        kind=Event.USER_SIGN_IN_FAILED.value,
        organization_id=membership.organization_id if membership else None,
        actor=nobody.entry(),
        subject={"kind": "user", "id": user.id.hex if user else None, "label": label},
        subject_id=user.id if user else None,
        data={},
    )


def _count_attempt(email: str, address: str | None) -> None:
    """Count in Valkey, which is atomic over all processes; without it nobody signs in."""
    person, place = _digest(email), address or "unknown"
    limits = {
        f"sign-in:{person}:{place}": PER_EMAIL_AND_ADDRESS,
        f"sign-in:{person}": PER_EMAIL,
        f"sign-in:from:{place}": PER_ADDRESS,
    }
    try:
        counts = {key: _increment(key) for key in limits}
    except RedisError:
        raise SignInUnavailableError from None
    if any(counts[key] > limit for key, limit in limits.items()):
        raise TooManyAttemptsError


def _increment(key: str) -> int:
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        return int(cache.incr(key))
    except ValueError:  # It ended between the two calls, and with it the window.
        return 1


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()[:32]
