"""The console's session: who is signed in, in which organization, and whether that still holds at this request."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.models import Membership, User, UserSession
from accounts.selectors import has_second_factor
from accounts.services.sessions import is_single_sign_on, note_session_seen
from aim import clock
from aim.client_address import client_address

SESSION_KEY = "user_session"
CREDENTIAL = "session"
FRESH = timedelta(minutes=15)
_SEEN_EVERY = timedelta(minutes=1)


class Obligation(StrEnum):
    """What a signed-in person must do before anything else."""

    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of a duty
    ADD_SECOND_FACTOR = "add_second_factor"
    SIGN_IN_AGAIN = "sign_in_again"
    """The organization now demands more than this sign-in was."""


def address_of(headers: Mapping[str, str]) -> str | None:
    """The caller's address by `request.META`."""
    return client_address(headers.get("REMOTE_ADDR"), headers.get("HTTP_X_FORWARDED_FOR"))


def session_of(request: HttpRequest) -> UserSession | None:
    """The session behind the request, whatever its person still owes; None where it has ended or never was."""
    return live_session(getattr(request, "user", None), request.session)


def live_session(user: object, store: Mapping[str, Any]) -> UserSession | None:
    """For those who have no `HttpRequest`, such as WebSockets: `user` and the session store of the scope."""
    chosen = store.get(SESSION_KEY)
    if not isinstance(user, User) or not chosen:
        return None
    session = (
        UserSession.objects.select_related("membership__user", "membership__organization")
        .filter(id=UUID(chosen), membership__user_id=user.id)
        .first()
    )
    if session is None or not is_alive(session):
        return None
    if clock.now() - session.seen_at > _SEEN_EVERY:
        note_session_seen(session)
    return session


def is_alive(session: UserSession) -> bool:
    """By what its organization allows now: a shorter session length ends sessions that were begun before it."""
    longest = timedelta(hours=session.membership.organization.session_hours)
    return is_usable(session.membership) and clock.now() < session.started_at + longest


def obligation_of(session: UserSession) -> Obligation | None:
    organization, user = session.membership.organization, session.membership.user
    if organization.sso_only and not is_single_sign_on(session.method):
        return Obligation.SIGN_IN_AGAIN
    if user.must_change_password and session.method == UserSession.Method.PASSWORD:
        return Obligation.CHANGE_PASSWORD
    if organization.second_factor_required and not session.second_factor:
        return Obligation.SIGN_IN_AGAIN if has_second_factor(user.id) else Obligation.ADD_SECOND_FACTOR
    return None


def is_fresh(session: UserSession) -> bool:
    return clock.now() - session.proved_at < FRESH


def session_membership(request: HttpRequest) -> Membership | None:
    """The membership that the session acts by; None where nobody is signed in, or something is owed first."""
    session = session_of(request)
    return session.membership if session and obligation_of(session) is None else None


def session_actor(request: HttpRequest) -> Actor | None:
    session = session_of(request)
    return actor_of(session, address_of(request.META)) if session and obligation_of(session) is None else None


def actor_of(session: UserSession, address: str | None) -> Actor:
    return person_actor(session.membership, credential=CREDENTIAL, address=address, fresh=is_fresh(session))
