"""The sequencer and followers run in the test's own thread, to the end of what is on record."""

from collections.abc import Sequence

from django.db import connection

from aim.ledger.followers import SealedEntry, registered_follower, registered_followers, replay_follower, take_step
from aim.ledger.models import Follower
from aim.ledger.sequencer import Sequencer, newest_seq
from aim.ledger.tail import Tail


def sequence_all() -> int:
    """Give every committed entry its number; answers the newest."""
    Sequencer().run()
    # The planner's settings are meant for the sequencer's own session.
    with connection.cursor() as cursor:
        cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_hashjoin; RESET enable_nestloop")
    return newest_seq()


def follow_all(*names: str) -> None:
    """Sequence everything, and let these followers take it in."""
    newest = sequence_all()
    for name in names:
        known = registered_follower(name)
        tail = Tail(known.kinds)
        tail.rise(newest)
        while (step := take_step(known, tail.read)).seq < newest:
            assert step.moved is not None, f"{name} has stopped"


def skip_backlog() -> None:
    """Let every follower begin behind what is on record: the entries of other tests would take it a while."""
    newest = sequence_all()
    for known in registered_followers():
        Follower.objects.get_or_create(name=known.name)
    # One that a product beside follows with may be further by now.
    Follower.objects.filter(seq__lt=newest).update(seq=newest)


def replay_all(name: str) -> None:
    """Forget what the follower derived, and follow from the first entry."""
    replay_follower(name)
    follow_all(name)


class Recorder:
    """A follower that remembers in memory what it was given."""

    def __init__(self) -> None:
        self.seen: list[SealedEntry] = []

    def follow(self, entries: Sequence[SealedEntry]) -> None:
        self.seen += entries

    def reset(self) -> None:
        self.seen = []
