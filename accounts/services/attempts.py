"""How often somebody may guess. Counted in Valkey over all processes, and for each person in the database as well."""

import hashlib
from datetime import timedelta

from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from accounts.contracts import Actor, ActorKind
from accounts.errors import SignInUnavailableError, TooManyAttemptsError
from accounts.models import User
from accounts.selectors import memberships_of_user
from aim import clock
from aim.ledger.append import append_entry
from aim.ledger.events import Event

WINDOW_SECONDS = 15 * 60
PER_EMAIL_AND_ADDRESS = 10
PER_EMAIL = 50
PER_ADDRESS = 200
PER_PERSON_CODES = 10
LOCK_AFTER = 50
"""Wrong passwords and codes in a row, from wherever: the person's own tries from one place never come that far."""
LOCK_FOR = timedelta(seconds=WINDOW_SECONDS)


def count_attempt(email: str, address: str | None) -> None:
    """Before a password is looked at. Raises `TooManyAttemptsError`, or `SignInUnavailableError` without Valkey."""
    person, place = digest_of_email(email), address or "unknown"
    _count(
        {
            f"sign-in:{person}:{place}": PER_EMAIL_AND_ADDRESS,
            f"sign-in:{person}": PER_EMAIL,
            f"sign-in:from:{place}": PER_ADDRESS,
        }
    )


def count_code(user: User, address: str | None) -> None:
    """Before a code is looked at."""
    _count({f"code:{user.id.hex}": PER_PERSON_CODES, f"sign-in:from:{address or 'unknown'}": PER_ADDRESS})


def count_passkey(address: str | None) -> None:
    """By place only: a passkey cannot be guessed, and whoever it claims to be of must not be locked out by others."""
    _count({f"sign-in:from:{address or 'unknown'}": PER_ADDRESS})


def count_mail(email: str, address: str | None) -> None:
    """Before a mail that anybody may ask for, such as that for a forgotten password."""
    _count({f"mail:{digest_of_email(email)}": 5, f"mail:from:{address or 'unknown'}": 30})


def refuse_locked(user: User) -> None:
    if user.locked_until is not None and clock.now() < user.locked_until:
        raise TooManyAttemptsError


@transaction.atomic
def note_failure(user: User | None, *, email: str, address: str | None, method: str) -> None:
    """Put the failure on record, and lock the person for a while after too many in a row."""
    locked = _count_failure(user) if user else False
    # The address as typed may hold a password by mistake, so that of an unknown person is kept as a digest.
    label = user.email if user else f"unknown:{digest_of_email(email)}"
    nobody = Actor(
        kind=ActorKind.PERSON, id=None, label=label, organization_id=None, permissions=frozenset(), address=address
    )
    membership = memberships_of_user(user.id).first() if user else None
    for event in (Event.USER_SIGN_IN_FAILED, Event.USER_LOCKED) if locked else (Event.USER_SIGN_IN_FAILED,):
        append_entry(
            kind=event.value,
            organization_id=membership.organization_id if membership else None,
            actor=nobody.entry(),
            subject={"kind": "user", "id": user.id.hex if user else None, "label": label},
            subject_id=user.id if user else None,
            data={"method": method},
        )


def forget_failures(user: User) -> None:
    if user.failed_attempts or user.locked_until:
        User.objects.filter(id=user.id).update(failed_attempts=0, locked_until=None)


def digest_of_email(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()[:32]


def _count_failure(user: User) -> bool:
    row = User.objects.select_for_update(no_key=True).get(id=user.id)
    row.failed_attempts += 1
    locked = row.failed_attempts % LOCK_AFTER == 0
    if locked:
        row.locked_until = clock.now() + LOCK_FOR
    row.save(update_fields=["failed_attempts", "locked_until"])
    return locked


def _count(limits: dict[str, int]) -> None:
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
