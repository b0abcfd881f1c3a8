"""Verifications by the schedule: each server at its time, many at once, hanging ones in a lane of their own."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from aim import clock
from aim.rounds import Rounds
from mcp.errors import ServerStatusError
from mcp.models import McpServer, ServerStatus, VerificationRun
from mcp.services.runs import perform_run, start_run

LANES: Mapping[str, int] = {"usual": 8, "failing": 4}
_AGAIN_AFTER = timedelta(minutes=15)
"""Who claims a server and dies has it tried again then; the end of a run sets the right time."""
_FIRST_AFTER = timedelta(minutes=5)
"""A server that was registered and that nobody has verified since is due then."""


def due_servers(at: datetime) -> QuerySet[McpServer]:
    """Who is to be verified at that moment, the longest overdue first: not those that a person has suspended."""
    due = Q(next_verification_at__lte=at) | Q(next_verification_at=None, created_at__lte=at - _FIRST_AFTER)
    used = Q(status=ServerStatus.ACTIVE) | Q(status=ServerStatus.SUSPENDED, suspended_by_failures=True)
    return McpServer.objects.filter(due, used).order_by("next_verification_at")


@transaction.atomic
def claim_verifications(room: Mapping[str, int]) -> list[tuple[str, UUID]]:
    """Take so many due servers for each lane."""
    now = clock.now()
    claimed = []
    for lane, failing in (("usual", Q(consecutive_failures=0)), ("failing", Q(consecutive_failures__gt=0))):
        if room[lane] > 0:
            rows = due_servers(now).filter(failing).select_for_update(of=("self",), skip_locked=True, no_key=True)
            claimed += [(lane, server_id) for server_id in rows.values_list("id", flat=True)[: room[lane]]]
    if claimed:
        ids = [server_id for _, server_id in claimed]
        McpServer.objects.filter(id__in=ids).update(next_verification_at=now + _AGAIN_AFTER)
    return claimed


def verify_by_schedule(server_id: UUID) -> None:
    """One verification, in a thread of its own."""
    try:
        run = start_run(
            None,
            server_id,
            purpose=VerificationRun.Purpose.VERIFICATION,
            trigger=VerificationRun.Trigger.SCHEDULE,
            here=True,
        )
        perform_run(run.id)
    except ServerStatusError:
        return  # Retired since it was claimed.
    finally:
        connection.close()


def _nothing(_results: Sequence[None]) -> None:
    """A run writes by itself what it leads to."""


VERIFICATION_ROUNDS = Rounds(
    "verification", lanes=LANES, claim=claim_verifications, work=verify_by_schedule, keep=_nothing
)
