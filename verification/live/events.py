"""What is told of a verification while it happens: that it was decided, and what became of it."""

from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from aim import clock
from aim.ids import IdKind, show_id
from aim.ledger.events import Event

_DECIDED = Event.VERIFICATION_DECIDED.value
_OF_APPROVALS = "verification.approval."
NAMES: dict[str, str] = {
    _DECIDED: "decided",
    Event.VERIFICATION_COMPLETED.value: "completed",
    Event.VERIFICATION_COMPLETION_REFUSED.value: "completion_refused",
    **{kind.value: kind.removeprefix(_OF_APPROVALS) for kind in Event if kind.startswith(_OF_APPROVALS)},
}
"""The name of each kind of entry that tells of a verification. The names are on the wire and never change."""

_encode = msgspec.json.Encoder().encode


class Shown(NamedTuple):
    """The columns that `verification.live.log` reads: the verification as it is now, with its completion."""

    seq: int
    kind: str
    id: UUID
    organization_id: UUID
    agent_id: UUID
    agent_name: str | None
    status: str
    code: str
    reason: str
    action_type: str
    resource: str
    user_id: str
    session_id: str
    created_at: datetime
    expires_at: datetime | None
    duration_us: int
    completion: str | None
    completion_ms: int | None


class Happening:
    """Something that happened to a verification, written down once for all who are told."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.is_decision = shown.kind == _DECIDED

    @cached_property
    def text(self) -> bytes:
        row = self.shown
        verification: dict[str, Any] = {
            "id": show_id(IdKind.VERIFICATION, row.id),
            "agent_id": show_id(IdKind.AGENT, row.agent_id),
            "agent_name": row.agent_name or "",
            "status": row.status,
            "code": row.code,
            "reason": row.reason,
            "action_type": row.action_type,
            "resource": row.resource,
            "user_id": row.user_id,
            "session_id": row.session_id,
            "created_at": clock.show_time(row.created_at),
            "expires_at": None if row.expires_at is None else clock.show_time(row.expires_at),
            "duration_us": row.duration_us,
            "completion": None
            if row.completion is None
            else {"status": row.completion, "duration_ms": row.completion_ms},
        }
        return _encode({"event": NAMES[row.kind], "seq": row.seq, "verification": verification})


class Missed(NamedTuple):
    """How many happenings of one sort were not read one by one."""

    organization_id: UUID
    agent_id: UUID
    status: str
    action_type: str
    is_decision: bool
    number: int


class Frame(NamedTuple):
    """One message: everything up to `cursor` is in it or in `skipped`."""

    text: str
    cursor: int
    weight: int
    """How many happenings are lost with it."""


def make_frame(cursor: int, happenings: list[Happening], *, skipped: int) -> Frame:
    events = b",".join(happening.text for happening in happenings).decode()
    text = f'{{"type":"events","cursor":{cursor},"skipped":{skipped},"events":[{events}]}}'
    return Frame(text, cursor, len(happenings) + skipped)
