"""Sessions in the console: begun after every factor was right, moved to another organization, ended."""

from uuid import UUID

from django.db import transaction

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.errors import SingleSignOnOnlyError, WrongCredentialsError
from accounts.ledger_entries import record
from accounts.models import Membership, User, UserSession
from accounts.permissions import Permission
from accounts.selectors import memberships_of_user
from accounts.services.attempts import forget_failures
from aim import clock
from aim.errors import NotFoundError
from aim.ledger.events import Event

_LONGEST_AGENT = 300
_SINGLE_SIGN_ON: frozenset[str] = frozenset(
    {UserSession.Method.GOOGLE, UserSession.Method.MICROSOFT, UserSession.Method.OIDC}
)


def admissible_membership(user: User, method: str, *, organization_id: UUID | None = None) -> Membership:
    """Where the person may begin a session by this method: in the wanted organization, or the first that lets them.

    Raises `WrongCredentialsError` for somebody who belongs nowhere, `SingleSignOnOnlyError`.
    """
    memberships = [membership for membership in memberships_of_user(user.id) if is_usable(membership)]
    if organization_id is not None:
        memberships = [membership for membership in memberships if membership.organization_id == organization_id]
    if not memberships:
        raise WrongCredentialsError
    for membership in memberships:
        if is_single_sign_on(method) or not membership.organization.sso_only:
            return membership
    raise SingleSignOnOnlyError


@transaction.atomic
def begin_session(
    membership: Membership, *, method: str, second_factor: str = "", address: str | None, user_agent: str = ""
) -> UserSession:
    """The one way in, for every method: the caller has checked each factor that `method` and `second_factor` name."""
    now = clock.now()
    session = UserSession.objects.create(
        membership=membership,
        method=method,
        second_factor=second_factor,
        started_at=now,
        seen_at=now,
        proved_at=now,
        address=address,
        user_agent=user_agent[:_LONGEST_AGENT],
    )
    actor = person_actor(membership, credential=method, address=address)
    data = {"method": method, "second_factor": second_factor or None, "session": session.id.hex}
    record(actor, Event.USER_SIGNED_IN, organization_id=membership.organization_id, subject=membership.user, data=data)
    forget_failures(membership.user)
    return session


@transaction.atomic
def sign_out(actor: Actor, session: UserSession) -> None:
    user = session.membership.user
    record(actor, Event.USER_SIGNED_OUT, organization_id=actor.organization_id, subject=user, data={})
    session.delete()


@transaction.atomic
def end_session(actor: Actor, session_id: UUID) -> None:
    """One of the actor's own, or with `members:write` anybody's in the organization. Any other id is unknown."""
    session = UserSession.objects.select_related("membership__user").filter(id=session_id).first()
    if session is None or not _may_end(actor, session):
        raise NotFoundError
    _end(actor, session)


@transaction.atomic
def end_other_sessions(actor: Actor, user: User, *, kept: UUID | None = None) -> int:
    """All of the person's sessions but the one they act in, in whichever organization."""
    sessions = list(UserSession.objects.select_related("membership__user").filter(membership__user=user))
    ended = [session for session in sessions if session.id != kept]
    for session in ended:
        _end(actor, session)
    return len(ended)


@transaction.atomic
def end_member_sessions(actor: Actor, membership: Membership) -> int:
    """All of a member's sessions in this organization, by an admin."""
    actor.require(Permission.MEMBERS_WRITE)
    if membership.organization_id != actor.scope:
        raise NotFoundError
    sessions = list(UserSession.objects.select_related("membership__user").filter(membership=membership))
    for session in sessions:
        _end(actor, session)
    return len(sessions)


@transaction.atomic
def move_session(actor: Actor, session: UserSession, organization_id: UUID) -> UserSession:
    """Go on in another organization of the person. Raises `NotFoundError`, `SingleSignOnOnlyError`."""
    user = session.membership.user
    if not memberships_of_user(user.id).filter(organization_id=organization_id).exists():
        raise NotFoundError
    target = admissible_membership(user, session.method, organization_id=organization_id)
    data = {"from": session.membership.organization_id.hex, "to": organization_id.hex}
    for organization in (session.membership.organization_id, organization_id):
        record(actor, Event.SESSION_MOVED, organization_id=organization, subject=session, data=data)
    session.membership = target
    session.save(update_fields=["membership"])
    return session


@transaction.atomic
def note_proof(actor: Actor, session: UserSession, *, by: str) -> None:
    """The person has shown again who they are: critical changes are open for a while."""
    session.proved_at = clock.now()
    session.save(update_fields=["proved_at"])
    record(actor, Event.SESSION_PROVED, organization_id=actor.organization_id, subject=session, data={"by": by})


def is_single_sign_on(method: str) -> bool:
    return method in _SINGLE_SIGN_ON


def note_session_seen(session: UserSession) -> None:
    session.seen_at = clock.now()
    UserSession.objects.filter(id=session.id).update(seen_at=session.seen_at)


def forget_ended_sessions() -> None:
    """Rows of sessions that have ended by time. They let nobody in before that either."""
    for session in UserSession.objects.select_related("membership__organization").iterator():
        hours = session.membership.organization.session_hours
        if (clock.now() - session.started_at).total_seconds() > hours * 3600:
            session.delete()


def _may_end(actor: Actor, session: UserSession) -> bool:
    if actor.id is not None and session.membership.user_id == actor.id:
        return True
    return session.membership.organization_id == actor.scope and actor.may(Permission.MEMBERS_WRITE)


def _end(actor: Actor, session: UserSession) -> None:
    record(
        actor,
        Event.SESSION_ENDED,
        organization_id=session.membership.organization_id,
        subject=session,
        data={"of": session.membership.user_id.hex},
    )
    session.delete()
