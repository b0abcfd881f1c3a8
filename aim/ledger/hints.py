"""Hints by Valkey that there is something to read. Nothing depends on one: whoever listens also looks by itself."""

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import closing

from django.conf import settings
from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

THROTTLE_SECONDS = 0.06
"""Sequencing itself pauses so long under load; the first hint after a pause is told at once."""
_PAUSE_SECONDS = 1.0


class Hint:
    """Something that may have happened. `touch` takes a microsecond and never waits; a thread does the telling."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """A forked process has the parent's memory but none of its threads."""
        self._touched = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def touch(self) -> None:
        if self._touched.is_set():
            return
        self._touched.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._tell, name=f"hint {self.channel}", daemon=True)
                    self._thread.start()

    def _tell(self) -> None:
        client = _client()
        pause = threading.Event()
        while True:
            self._touched.wait()
            self._touched.clear()
            try:
                client.publish(self.channel, b"")
            except (RedisError, OSError):
                pause.wait(_PAUSE_SECONDS)
            pause.wait(THROTTLE_SECONDS)


APPENDED = Hint("aim:ledger:appended")
"""Entries have been committed."""
SEQUENCED = Hint("aim:ledger:sequenced")
"""Entries have been given their number."""


def listen(hints: Iterable[Hint], told: Callable[[Hint], object], *, until: threading.Event) -> None:
    """Call `told` for each hint of any process, until the event is set; as long as Valkey is gone, for none."""
    by_channel = {hint.channel: hint for hint in hints}
    while not until.is_set():
        try:
            with closing(_client()) as client, closing(_subscription(client)) as pubsub:
                pubsub.subscribe(*by_channel)
                while not until.is_set():
                    message = pubsub.get_message(timeout=0.5)
                    if message is not None:
                        told(by_channel[message["channel"].decode()])
        except (RedisError, OSError):
            until.wait(_PAUSE_SECONDS)


def _client() -> Redis:
    return Redis.from_url(str(settings.CACHES["default"]["LOCATION"]), socket_timeout=1, socket_connect_timeout=1)


def _subscription(client: Redis) -> PubSub:
    return client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call, no-any-return]
