"""All reads of notifications: a person's own, in the organization in which they act."""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.alerts import alert_kind, alert_kinds
from accounts.contracts import Actor, ActorKind
from accounts.notifications.models import Notification
from accounts.permissions import Permission
from aim.errors import NotFoundError

MOST_COUNTED = 100
_UNREAD = """
SELECT count(*) FROM (
  SELECT FROM accounts_notification WHERE read_at IS NULL AND kind = ANY(%s) AND membership_id = (
    SELECT id FROM accounts_membership WHERE organization_id = %s AND user_id = %s
  ) LIMIT %s
) AS line
"""
_STATES = """
SELECT wanted.id, unread.count, unread.newest FROM unnest(%s::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
  SELECT count(*), max(line.id::text) AS newest FROM (
    SELECT id FROM accounts_notification
    WHERE membership_id = wanted.id AND read_at IS NULL AND kind = ANY(%s) ORDER BY id DESC LIMIT %s
  ) AS line
) AS unread
"""


def seen_by(actor: Actor) -> list[str]:
    """The kinds that the actor may be told of today: a right that has ended takes along what was told by it."""
    return [kind.code for kind in alert_kinds() if actor.may(kind.permission)]


def notifications_of(actor: Actor) -> QuerySet[Notification]:
    """The actor's own, newest first."""
    if actor.kind is not ActorKind.PERSON or not actor.may(Permission.NOTIFICATIONS_OWN):
        return Notification.objects.none()
    return Notification.objects.filter(
        membership__organization_id=actor.scope, membership__user_id=actor.self_id, kind__in=seen_by(actor)
    ).order_by("-id")


def notification_by_id(actor: Actor, notification_id: UUID) -> Notification:
    try:
        return notifications_of(actor).get(id=notification_id)
    except Notification.DoesNotExist:
        raise NotFoundError from None


def unread_of(actor: Actor) -> int:
    """How many are not read, counted up to `MOST_COUNTED`: those of `notifications_of`, for every page there is."""
    if actor.kind is not ActorKind.PERSON or not actor.may(Permission.NOTIFICATIONS_OWN):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, [seen_by(actor), actor.scope, actor.self_id, MOST_COUNTED])
        found: int = cursor.fetchone()[0]
    return found


class Unread(NamedTuple):
    """What changes as soon as there is something new, or less to read."""

    number: int
    newest: str | None


def unread_of_memberships(memberships: Collection[UUID], kinds: Iterable[str]) -> dict[UUID, Unread]:
    """The state of each, in one query; all of them may be told of these kinds."""
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [list(memberships), list(kinds), MOST_COUNTED])
        return {row[0]: Unread(row[1], row[2]) for row in cursor.fetchall()}


def icon_of(notification: Notification) -> tuple[str, str]:
    """Icon and tone; those of a kind that no longer exists say nothing."""
    kind = alert_kind(notification.kind)
    return (kind.icon, kind.tone) if kind else ("bell", "info")
