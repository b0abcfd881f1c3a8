"""Second factors: an app that shows codes, passkeys, and recovery codes for when these are lost.

allauth keeps the secrets and knows WebAuthn; what is here counts the tries, keeps each code from working twice, and
puts every change on record. The first factor brings recovery codes; the last one takes them along.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from accounts.contracts import Actor
from accounts.errors import SignInMethodNeededError, WrongCodeError, WrongPasskeyError
from accounts.ledger_entries import record
from accounts.models import User, UserSession
from accounts.selectors import has_second_factor, memberships_of_user, second_factors_of
from accounts.services.attempts import count_code, count_passkey, note_failure, refuse_locked
from accounts.services.sessions import end_other_sessions
from aim import clock
from aim.errors import ConflictError, NotFoundError
from aim.ledger.events import Event

PERIOD_SECONDS = 30
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A factor that was added; `recovery_codes` are shown this once, and only with the first factor."""

    authenticator: Authenticator
    recovery_codes: Sequence[str]


def check_code(user: User, code: str, *, address: str | None) -> str:
    """A code of the app, or one of the recovery codes; answers which. Each works once.

    Raises `WrongCodeError`, `TooManyAttemptsError`, `SignInUnavailableError`.
    """
    count_code(user, address)
    refuse_locked(user)
    kind = _kind_of(user, code)
    if kind is None:
        note_failure(user, email=user.email, address=address, method="code")
        raise WrongCodeError
    return kind


def begin_passkey_check(user: User | None) -> dict[str, Any]:
    """What the browser needs to ask for a passkey: any for a sign-in without a password, the person's otherwise."""
    return dict(webauthn.begin_authentication(user))


def check_passkey(user: User | None, credential: Any, *, address: str | None) -> User:
    """Whose passkey has signed the challenge of this browser session. It was unlocked by its owner, or it is refused.

    Raises `WrongPasskeyError`, `TooManyAttemptsError`, `SignInUnavailableError`.
    """
    count_passkey(address)
    try:
        webauthn.parse_authentication_response(credential)
        claimed = user or webauthn.extract_user_from_response(credential)
        authenticator = webauthn.complete_authentication(claimed, credential)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
        note_failure(user, email=user.email if user else "", address=address, method="passkey")
        raise WrongPasskeyError from None
    authenticator.record_usage()
    assert isinstance(claimed, User)
    return claimed


@transaction.atomic
def add_app(actor: Actor, user: User, *, secret: str, code: str, session: UserSession | None) -> Enrolment:
    """The app that shows the right code for the secret. Raises `WrongCodeError`, `ConflictError`."""
    actor.require_fresh()
    counter = _matching_counter(secret, code, after=-1)
    if counter is None:
        raise WrongCodeError
    try:
        with transaction.atomic():
            authenticator = TOTP.activate(user, secret).instance
    except IntegrityError:
        raise ConflictError(gettext("You have an authenticator app already. Remove it first.")) from None
    authenticator.data["counter"] = counter
    authenticator.save(update_fields=["data"])
    return _added(actor, user, authenticator, session, name="app")


def begin_passkey(user: User) -> dict[str, Any]:
    """What the browser needs to make a passkey that works without a password too."""
    return dict(webauthn.begin_registration(user, passwordless=True))


@transaction.atomic
def add_passkey(actor: Actor, user: User, *, name: str, credential: Any, session: UserSession | None) -> Enrolment:
    """Raises `WrongPasskeyError`."""
    actor.require_fresh()
    try:
        webauthn.parse_registration_response(credential)
        binding = webauthn.complete_registration(credential)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
        raise WrongPasskeyError from None
    if not binding.is_user_verified():
        raise WrongPasskeyError
    label = " ".join(name.split())[:_LONGEST_NAME] or "Passkey"
    authenticator = webauthn.WebAuthn.add(user, label, credential).instance
    return _added(actor, user, authenticator, session, name=label)


@transaction.atomic
def remove_second_factor(actor: Actor, factor_id: int) -> None:
    """One of the actor's own. The last one stays where an organization of the person demands one."""
    actor.require_fresh()
    mine = second_factors_of(actor.self_id).select_for_update()
    authenticator = next((factor for factor in mine if factor.id == factor_id), None)
    if authenticator is None:
        raise NotFoundError
    user = User.objects.get(id=actor.self_id)
    last = len(mine) == 1
    if last and any(m.organization.second_factor_required for m in memberships_of_user(user.id)):
        raise SignInMethodNeededError(gettext("Your organization demands a second factor. Add another one before."))
    data = {"type": authenticator.type}
    authenticator.delete()
    if last:
        Authenticator.objects.filter(user=user).delete()
    record(actor, Event.SECOND_FACTOR_REMOVED, organization_id=actor.organization_id, subject=user, data=data)


@transaction.atomic
def make_recovery_codes(actor: Actor) -> list[str]:
    """New ones, shown this once; those before stop working."""
    actor.require_fresh()
    user = User.objects.select_for_update(no_key=True).get(id=actor.self_id)
    if not has_second_factor(user.id):
        raise ConflictError(gettext("Recovery codes stand in for a second factor. Add one first."))
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    record(actor, Event.RECOVERY_CODES_MADE, organization_id=actor.organization_id, subject=user, data={})
    return codes


def remaining_recovery_codes(user_id: UUID) -> int:
    row = Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(row).get_unused_codes()) if row else 0


def forget_second_factors(user: User) -> int:
    """Every factor of the person, for those who have lost them. The caller checks the right and records it."""
    count, _ = Authenticator.objects.filter(user=user).delete()
    return int(count)


def _added(
    actor: Actor, user: User, authenticator: Authenticator, session: UserSession | None, *, name: str
) -> Enrolment:
    codes: list[str] = []
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists():
        codes = RecoveryCodes.activate(user).generate_codes()
    record(
        actor,
        Event.SECOND_FACTOR_ADDED,
        organization_id=actor.organization_id,
        subject=user,
        data={"type": authenticator.type},
        personal={"name": name},
    )
    # Sessions that were begun without it end; this one has just shown it.
    end_other_sessions(actor, user, kept=session.id if session else None)
    if session is not None:
        session.second_factor = "passkey" if authenticator.type == Authenticator.Type.WEBAUTHN else authenticator.type
        session.proved_at = clock.now()
        session.save(update_fields=["second_factor", "proved_at"])
    return Enrolment(authenticator, codes)


@transaction.atomic
def _kind_of(user: User, code: str) -> str | None:
    types = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for authenticator in Authenticator.objects.select_for_update().filter(user=user, type__in=types).order_by("-type"):
        if authenticator.type == Authenticator.Type.TOTP:
            secret = decrypt(authenticator.data["secret"])
            counter = _matching_counter(secret, code, after=authenticator.data.get("counter", -1))
            if counter is not None:
                authenticator.data["counter"] = counter
                authenticator.last_used_at = clock.now()
                authenticator.save(update_fields=["data", "last_used_at"])
                return "totp"
        elif RecoveryCodes(authenticator).validate_code(code):
            return "recovery_codes"
    return None


def _matching_counter(secret: str, code: str, *, after: int) -> int | None:
    """Which step of time the code belongs to: this one, or its neighbours where a clock is a little off."""
    now = int(time.time()) // PERIOD_SECONDS
    for counter in (now - 1, now, now + 1):
        if counter > after and compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter))):
            return counter
    return None
