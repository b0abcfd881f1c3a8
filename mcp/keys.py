"""What is to be said of a server's keys without changing anything: whether one may be used, how old it is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from mcp.models import ServerKey

BAD_FORMAT = gettext_noop("Invalid public key format. Check PEM encoding.")
TOO_SHORT = gettext_noop("Minimum rollover period is 1 day.")
TOO_LONG = gettext_noop("Maximum rollover period is 30 days.")
MIN_DAYS, MAX_DAYS, DEFAULT_DAYS = 1, 30, 7

_DAY = timedelta(days=1)
# Yellow from two thirds of the policy on: 60 of the usual 90 days.
_YELLOW_FROM = 2 / 3
# Reminders of a rollover of seven days come on its third and its sixth.
_REMINDERS = (3 / 7, 6 / 7)
# Which check a refusal belongs to; every other code is one of the text itself.
_OF_TYPE = frozenset({"unsupported_algorithm", "unsupported_curve", "type_mismatch"})
_OF_LENGTH = frozenset({"weak_key"})

Result = Literal["passed", "failed", "open"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list that a person sees while pasting a key. `open` is what could not be looked at yet."""

    name: Literal["pem", "type", "length", "different"]
    title: str
    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """`info` is None unless the key itself is good; it may still be the one that the server has."""

    checks: tuple[Check, ...]
    info: PublicKeyInfo | None

    @property
    def passed(self) -> bool:
        return all(check.result == "passed" for check in self.checks)


def examine_key(
    text: str, *, declared_type: str | None = None, current: Collection[str] = (), former: Collection[str] = ()
) -> Examination:
    """The checks of a new key in their order: valid PEM, valid key of its type, correct length, different.

    `current` and `former` are the RFC 7638 thumbprints of the keys that the server has and had. It takes up to 300 ms
    for RSA, as every registration of a key.
    """
    try:
        info = parse_public_key(text, declared_type=declared_type)
    except InvalidPublicKeyError as error:
        return Examination(_checks_of_refusal(error), None)
    size = ngettext("%(n)d bit", "%(n)d bits", info.bits) % {"n": info.bits}
    same = ""
    if info.thumbprint in current:
        same = _("New key must be different from current key.")
    elif info.thumbprint in former:
        same = _("The server had this key before. Make a new one.")
    checks = (
        Check("pem", _("Valid PEM format"), "passed"),
        Check("type", _("Valid %(family)s key") % {"family": _family(info)}, "passed", info.label),
        Check("length", _("Correct key length (%(size)s)") % {"size": size}, "passed", size),
        Check("different", _("Different from current key"), "failed" if same else "passed", same),
    )
    return Examination(checks, info)


def _checks_of_refusal(error: InvalidPublicKeyError) -> tuple[Check, ...]:
    failing = 1 if error.code in _OF_TYPE else 2 if error.code in _OF_LENGTH else 0
    titles: tuple[tuple[Literal["pem", "type", "length", "different"], str], ...] = (
        ("pem", _("Valid PEM format")),
        ("type", _("Valid key type")),
        ("length", _("Correct key length")),
        ("different", _("Different from current key")),
    )
    reasons = " ".join(error.problems)
    detail = f"{_(BAD_FORMAT)} {reasons}" if failing == 0 else reasons

    def result(place: int) -> Result:
        return "passed" if place < failing else "failed" if place == failing else "open"

    return tuple(
        Check(name, title, result(place), detail if place == failing else "")
        for place, (name, title) in enumerate(titles)
    )


def _family(info: PublicKeyInfo) -> str:
    return "RSA" if info.key_type == "rsa" else info.label


def is_accepted(key: ServerKey, at: datetime) -> bool:
    """Whether a signature by this key proves the server at that moment.

    A key that leaves is not accepted past its end even where the task that retires it comes late.
    """
    if key.status == ServerKey.Status.ACTIVE:
        return True
    return key.status == ServerKey.Status.LEAVING and key.leaves_at is not None and at < key.leaves_at


def accepted_keys(keys: Iterable[ServerKey], at: datetime) -> list[ServerKey]:
    """The keys that prove the server at that moment, the primary one first."""
    accepted = [key for key in keys if is_accepted(key, at)]
    return sorted(accepted, key=lambda key: key.status != ServerKey.Status.ACTIVE)


@dataclass(frozen=True, slots=True)
class KeyAge:
    """`days` are whole days since the key was made known; `tone` is green, yellow or red by the server's policy."""

    days: int
    tone: Literal["green", "yellow", "red"]
    due_at: datetime
    is_due: bool


def age_of(key: ServerKey, *, policy_days: int, at: datetime) -> KeyAge:
    """Green below two thirds of the policy, yellow up to it, red beyond: 60 and 90 days of the usual 90."""
    days = max(0, (at - key.created_at) // _DAY)
    tone: Literal["green", "yellow", "red"] = (
        "red" if days > policy_days else "yellow" if days >= policy_days * _YELLOW_FROM else "green"
    )
    return KeyAge(days, tone, key.created_at + policy_days * _DAY, days >= policy_days)


def reminder_days(days: int) -> list[int]:
    """On which days of a rollover people are reminded: 3 and 6 of 7, and as far into any other period."""
    return sorted({max(1, round(days * share)) for share in _REMINDERS})


def reminder_at(started: datetime, day: int) -> datetime:
    """When the reminder of a day is due: as the day begins, and in the middle of the first."""
    return started + (day - 1) * _DAY if day > 1 else started + _DAY / 2


def day_of(started: datetime, days: int, at: datetime) -> int:
    """The day of the rollover at that moment, from 1 to `days`."""
    return min(max((at - started) // _DAY + 1, 1), days)
