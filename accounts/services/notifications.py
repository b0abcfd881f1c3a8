"""The notifications centre: what people are told there, and that they have read it.

What was read is nobody's business but the reader's, so that it is on no record. That there is something to see is told
by a hint; nothing depends on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q

from accounts.alerts import AlertKind, Channel, alert_kinds, kinds_of
from accounts.audience import Audience
from accounts.contracts import Actor, ActorKind
from accounts.models import Membership, Organization
from accounts.notifications.models import Notification
from accounts.notifications.selectors import notification_by_id, notifications_of
from accounts.permissions import Permission
from aim import clock
from aim.ids import uuid7
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry
from aim.ledger.hints import Hint

TOLD = Hint("aim:notifications")
"""Somebody has something new to read, or less than before."""
NEWS = timedelta(days=7)
KEPT_READ, KEPT_UNREAD = timedelta(days=30), timedelta(days=90)
_LONGEST_TEXT, _LONGEST_PATH, _LONGEST_TOPIC = 500, 300, 128
_ADD = """
INSERT INTO accounts_notification
  (id, membership_id, kind, topic, entry_id, seq, text, path, count, happened_at, read_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL)
ON CONFLICT (topic, kind, membership_id) WHERE read_at IS NULL DO UPDATE SET
  id = EXCLUDED.id, entry_id = EXCLUDED.entry_id, seq = EXCLUDED.seq, text = EXCLUDED.text, path = EXCLUDED.path,
  count = accounts_notification.count + EXCLUDED.count, happened_at = EXCLUDED.happened_at
"""


@dataclass(frozen=True, slots=True)
class _Settlements:
    """Which kinds an event may settle."""

    by_event: dict[str, list[AlertKind]]

    @classmethod
    def known(cls) -> "_Settlements":
        by_event: dict[str, list[AlertKind]] = {}
        for kind in alert_kinds():
            for event in kind.settled_by:
                by_event.setdefault(event.value, []).append(kind)
        return cls(by_event)


def tell(entries: Sequence[SealedEntry]) -> None:
    """Tell everybody concerned, in the caller's transaction. What has been told already is not told again.

    A replay therefore tells nobody anything twice, and nobody wants to be told of last month.
    """
    assert connection.in_atomic_block
    settlements = _Settlements.known()
    since = clock.now() - NEWS
    found = []
    for entry in entries:
        kinds, settled = kinds_of(entry.kind, entry.body), settlements.by_event.get(entry.kind, [])
        if (kinds or settled) and entry.recorded_at >= since:
            found.append((entry, kinds, settled))
    if not found:
        return
    newest = Notification.objects.aggregate(newest=Max("seq"))["newest"] or -1
    news = [(entry, kinds, settled) for entry, kinds, settled in found if entry.seq > newest]
    audience, lines = Audience([entry.body for entry, _kinds, _settled in news]), _Lines()
    told = False
    for entry, kinds, settled in news:
        for one in settled:
            # What was told before it is settled by it, what comes after it is not.
            told = lines.write() or told
            told = _settle(one, one.settled(entry.body)) or told
        for kind in kinds:
            lines.add(entry, kind, _people(entry, kind, audience))
    told = lines.write() or told
    if told:
        transaction.on_commit(TOLD.touch, robust=True)


def _people(entry: SealedEntry, kind: AlertKind, audience: Audience) -> list[Membership]:
    return [
        membership
        for organization_id in organizations_of(entry, kind)
        for membership in audience.of(entry.body, kind, organization_id, Channel.NOTIFICATION)
        if kind.tells_actor or not _knows(entry, membership)
    ]


class _Lines:
    """What people are to read, not written yet. More of the same is one line, as it is once it is written."""

    def __init__(self) -> None:
        self._lines: dict[tuple[UUID, str, str], tuple[SealedEntry, AlertKind, int]] = {}

    def add(self, entry: SealedEntry, kind: AlertKind, people: Iterable[Membership]) -> None:
        topic = kind.topic(entry.body)[:_LONGEST_TOPIC]
        for membership in people:
            key = membership.id, kind.code, topic
            # The latest one stands last, as its id is the newest.
            _, _, count = self._lines.pop(key, (entry, kind, 0))
            self._lines[key] = entry, kind, count + 1

    def write(self) -> bool:
        """Whether there was anything."""
        rows = [
            (
                uuid7(),
                *key,
                entry.id,
                entry.seq,
                kind.sentence(entry.body)[:_LONGEST_TEXT],
                kind.path(entry.body)[:_LONGEST_PATH],
                count,
                entry.recorded_at,
            )
            for key, (entry, kind, count) in self._lines.items()
        ]
        self._lines.clear()
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_ADD, rows)
        return bool(rows)


def organizations_of(entry: SealedEntry, kind: AlertKind) -> list[UUID]:
    """The organizations that the entry concerns: its own, or all where it is of the installation."""
    if entry.organization_id is not None:
        return [entry.organization_id]
    if not kind.installation:
        return []
    return list(Organization.objects.filter(status=Organization.Status.ACTIVE).values_list("id", flat=True))


def _knows(entry: SealedEntry, membership: Membership) -> bool:
    """Whoever did it, and whoever has only now become somebody to tell."""
    actor, person = entry.body["actor"], membership.user_id
    if entry.kind == Event.MEMBERSHIP_CREATED and entry.subject_id == person:
        return True
    return bool(actor.get("kind") == ActorKind.PERSON.value and actor.get("id") == person.hex)


def _settle(kind: AlertKind, topic: str | None) -> bool:
    if topic is None:
        return False
    unread = Notification.objects.filter(topic=topic, kind=kind.code, read_at=None)
    return bool(unread.update(read_at=clock.now()))


@transaction.atomic
def mark_read(actor: Actor, notification_id: UUID) -> Notification:
    """Raises `NotFoundError` also for one that has counted up meanwhile: what is new in it has not been read."""
    actor.require(Permission.NOTIFICATIONS_OWN)
    notification = notification_by_id(actor, notification_id)
    if notification.read_at is None:
        notification.read_at = clock.now()
        notifications_of(actor).filter(id=notification.id, read_at=None).update(read_at=notification.read_at)
        transaction.on_commit(TOLD.touch, robust=True)
    return notification


@transaction.atomic
def mark_all_read(actor: Actor, *, upto: UUID | None = None) -> int:
    """All of the actor's, or those up to the newest that was seen; answers how many."""
    actor.require(Permission.NOTIFICATIONS_OWN)
    rows = notifications_of(actor).filter(read_at=None)
    if upto is not None:
        rows = rows.filter(id__lte=upto)
    count = rows.update(read_at=clock.now())
    if count:
        transaction.on_commit(TOLD.touch, robust=True)
    return count


def forget_old_notifications() -> int:
    """Delete what is too old to be news; answers how many."""
    now = clock.now()
    old = Q(happened_at__lt=now - KEPT_UNREAD) | Q(read_at__lt=now - KEPT_READ)
    return Notification.objects.filter(old).delete()[0]


def blot_notifications(entries: Iterable[UUID]) -> int:
    """Those that quote entries whose personal values are erased."""
    return Notification.objects.filter(entry_id__in=list(entries)).delete()[0]
