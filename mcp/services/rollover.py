"""The course of a rollover: reminders on their days, and the end of the old key at its minute.

Each function works through what is due by the clock and the rows alone, so that it may run late, twice, at once in
several workers, or after a restart: what was done is found done.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aim import clock
from aim.ledger.events import Event
from mcp.alerts import ROTATION
from mcp.keys import day_of, reminder_at, reminder_days
from mcp.ledger_entries import key_data, record
from mcp.models import KeyRotation, McpServer
from mcp.services.events import Kind, Severity, mcp_system, note
from mcp.services.notices import tell
from mcp.services.rotation import State, complete

_IN_HOURS = timedelta(hours=36)
"""Up to here people reckon in hours."""


def end_rollovers() -> int:
    """Retire the old key of every rollover whose time is over; answers how many."""
    due = KeyRotation.objects.filter(state=State.ROLLING, ends_at__lte=clock.now()).order_by("ends_at")
    return sum(_with_lock(rotation_id, _end) for rotation_id in due.values_list("id", flat=True))


def remind_of_rollovers() -> int:
    """Mail the reminders that are due; of several that are late only the last. Answers how many rollovers."""
    rolling = KeyRotation.objects.filter(state=State.ROLLING).order_by("ends_at")
    due = [rotation.id for rotation in rolling if _due_day(rotation)]
    return sum(_with_lock(rotation_id, _remind) for rotation_id in due)


@transaction.atomic
def _with_lock(rotation_id: UUID, step: Callable[[McpServer, KeyRotation], bool]) -> bool:
    """Take the step if the rollover is still under way once its server's row is held."""
    server = McpServer.objects.select_for_update(no_key=True, of=("self",)).filter(rotations__id=rotation_id).first()
    rotation = KeyRotation.objects.select_related("old_key", "new_key").filter(id=rotation_id).first()
    if server is None or rotation is None or rotation.state != State.ROLLING:
        return False
    return step(server, rotation)


def _end(server: McpServer, rotation: KeyRotation) -> bool:
    if rotation.ends_at is None or rotation.ends_at > clock.now():
        return False
    complete(mcp_system(server), server, rotation, KeyRotation.Completion.AUTOMATIC)
    return True


def _remind(server: McpServer, rotation: KeyRotation) -> bool:
    day = _due_day(rotation)
    if day is None or rotation.ends_at is None or rotation.proved_at is None or rotation.old_key is None:
        return False
    rotation.reminders = [*rotation.reminders, day]
    rotation.save(update_fields=["reminders"])
    today = day_of(rotation.proved_at, rotation.days, clock.now())
    data = {"rotation": rotation.id.hex, "day": today, "days": rotation.days, "old_key": key_data(rotation.old_key)}
    record(mcp_system(server), Event.MCP_ROTATION_REMINDED, server=server, data=data)
    text = _("Rollover: reminder on day %(day)s of %(days)s") % {"day": today, "days": rotation.days}
    note(server, Kind.KEY_ROTATION, Severity.LOW, text, data)
    details = [
        _("Day %(day)s of %(days)s: both keys are accepted until %(time)s UTC.")
        % {"day": today, "days": rotation.days, "time": date_format(rotation.ends_at, "j F Y, H:i")},
        _("The old key %(fingerprint)s is then no longer accepted.") % {"fingerprint": rotation.old_key.fingerprint},
        _("The new key is %(fingerprint)s.") % {"fingerprint": rotation.new_key.fingerprint},
        _("Update all agents to use new key"),
    ]
    left = _time_left(rotation.ends_at - clock.now())
    sentence = _("The old key of %(server)s ends in %(time)s") % {"server": server.name, "time": left}
    tell(server, ROTATION, sentence, details, once=f"mcp-reminder:{rotation.id.hex}:{day}")
    return True


def _due_day(rotation: KeyRotation) -> int | None:
    """The latest day whose reminder is due and was not sent; those before it are passed over."""
    if rotation.proved_at is None or rotation.ends_at is None or rotation.ends_at <= clock.now():
        return None
    sent = max(rotation.reminders, default=0)
    now, started = clock.now(), rotation.proved_at
    due = [day for day in reminder_days(rotation.days) if day > sent and reminder_at(started, day) <= now]
    return max(due, default=None)


def _time_left(left: timedelta) -> str:
    hours = max(1, round(left / timedelta(hours=1)))
    if left > _IN_HOURS:
        days = round(hours / 24)
        return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
