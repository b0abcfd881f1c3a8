"""Those who watch the same thing in the same way: what is chosen for them is chosen once."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from verification.live.events import Frame, Happening, Missed, make_frame

MOST_WAITING = 32
HEARTBEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see: of one organization, narrowed as the list of decisions is, so many a second."""

    organization_id: UUID
    status: str | None
    agent_id: UUID | None
    action_type: str | None
    rate: int

    def wants(self, organization_id: UUID, agent_id: UUID, status: str, action_type: str, *, is_decision: bool) -> bool:
        """A change of state is told whatever the state: who watches the pending must learn that one is no more."""
        return (
            organization_id == self.organization_id
            and (self.agent_id is None or agent_id == self.agent_id)
            and (self.action_type is None or action_type == self.action_type)
            and (self.status is None or not is_decision or status == self.status)
        )

    def pick(self, happenings: Sequence[Happening]) -> list[Happening]:
        return [
            happening
            for happening in happenings
            if self.wants(
                happening.shown.organization_id,
                happening.shown.agent_id,
                happening.shown.status,
                happening.shown.action_type,
                is_decision=happening.is_decision,
            )
        ]

    def count(self, missed: Sequence[Missed]) -> int:
        return sum(
            some.number
            for some in missed
            if self.wants(
                some.organization_id, some.agent_id, some.status, some.action_type, is_decision=some.is_decision
            )
        )


class Seat:
    """One socket's place. What waits for a slow reader is bounded: the oldest goes, and is counted."""

    def __init__(self) -> None:
        self._waiting: deque[Frame] = deque()
        self._dropped = 0
        self._dropped_to = -1

    def push(self, frame: Frame) -> None:
        if len(self._waiting) >= MOST_WAITING:
            oldest = self._waiting.popleft()
            self._dropped += oldest.weight
            self._dropped_to = oldest.cursor
        self._waiting.append(frame)

    def take(self) -> Frame | None:
        """The next to be sent."""
        if self._dropped:
            skipped, self._dropped = self._dropped, 0
            return make_frame(self._dropped_to, [], skipped=skipped)
        return self._waiting.popleft() if self._waiting else None


class Channel:
    """Those with the same wish. More than they want to see in a second is left out, and said."""

    def __init__(self, wish: Wish, *, now: float) -> None:
        self.wish = wish
        self.seats: set[Seat] = set()
        self._allowance = float(wish.rate)
        self._at = now
        self._told_at = now

    def tell(self, happenings: Sequence[Happening], missed: Sequence[Missed], cursor: int, now: float) -> None:
        """Push what these want to see of it to all seats; from time to time also that there is nothing new."""
        wanted = self.wish.pick(happenings)
        chosen = self._choose(wanted, now)
        skipped = len(wanted) - len(chosen) + self.wish.count(missed)
        if not chosen and not skipped and now - self._told_at < HEARTBEAT_SECONDS:
            return
        self._told_at = now
        frame = make_frame(cursor, chosen, skipped=skipped)
        for seat in self.seats:
            seat.push(frame)

    def _choose(self, wanted: list[Happening], now: float) -> list[Happening]:
        self._allowance = min(self._allowance + (now - self._at) * self.wish.rate, float(self.wish.rate))
        self._at = now
        room = int(self._allowance)
        if len(wanted) > room:
            # Refusals and what waits for a person before approvals, and the newest before the older.
            wanted = sorted(wanted, key=lambda each: (each.shown.status != "approved", each.shown.seq))
            wanted = sorted(wanted[len(wanted) - room :], key=lambda each: each.shown.seq)
        self._allowance -= len(wanted)
        return wanted
