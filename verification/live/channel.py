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
    """What somebody wants to see: of one organization, narrowed as the list of decisions is, so many a second.

    Of several values any will do; where none is named, all will. `text` is in the resource, the user or the session.
    """

    organization_id: UUID
    rate: int
    statuses: frozenset[str] = frozenset()
    agents: frozenset[UUID] = frozenset()
    actions: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    user: str = ""
    session: str = ""
    text: str = ""

    def wants(self, organization_id: UUID, agent_id: UUID, status: str, action_type: str, *, is_decision: bool) -> bool:
        """A change of state is told whatever the state: who watches the pending must learn that one is no more."""
        return (
            organization_id == self.organization_id
            and (not self.agents or agent_id in self.agents)
            and (not self.actions or action_type in self.actions)
            and (not self.statuses or not is_decision or status in self.statuses)
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
            and self._wants_closely(happening)
        ]

    def _wants_closely(self, happening: Happening) -> bool:
        shown, text = happening.shown, self.text.casefold()
        return (
            (not self.codes or not happening.is_decision or shown.code in self.codes)
            and (not self.user or shown.user_id == self.user)
            and (not self.session or shown.session_id == self.session)
            and (not text or any(text in told.casefold() for told in (shown.resource, shown.user_id, shown.session_id)))
        )

    def count(self, missed: Sequence[Missed]) -> int:
        """At most so many of what was not read one by one were wanted: it is told apart by sort only."""
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
