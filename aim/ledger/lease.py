"""Who does what among several processes: a duty belongs to the session that holds its lock, and to nobody longer."""

import threading
from zlib import crc32

from django.db import connection

_CLASS = 0x41494D  # "AIM": the first key of all locks of the product.
_PRESENCE = "presence"
_PRESENT = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _key(duty: str) -> list[int]:
    return [_CLASS, crc32(duty.encode()) & 0x7FFF_FFFF]


class Lease:
    """One duty, for the calling thread's connection. PostgreSQL frees it when the session ends, however it ends."""

    def __init__(self, duty: str) -> None:
        self._duty = duty
        self._session: object = None

    @property
    def held(self) -> bool:
        return self._session is not None and self._session is connection.connection

    def take(self) -> bool:
        """Whether the duty is ours now; never waits."""
        if self.held:
            return True
        if self._ask("SELECT pg_try_advisory_lock(%s, %s)"):
            self._session = connection.connection
        return self.held

    def drop(self) -> None:
        if self.held:
            self._session = None
            self._ask("SELECT pg_advisory_unlock(%s, %s)")

    def _ask(self, statement: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement, _key(self._duty))
            return bool(cursor.fetchone()[0])


class Presence:
    """How many processes share the duties out."""

    def __init__(self) -> None:
        self._session: object = None

    def show(self) -> None:
        """Be counted as long as this thread's session lasts."""
        connection.ensure_connection()
        if self._session is connection.connection:
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", _key(_PRESENCE))
        self._session = connection.connection

    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_PRESENT, _key(_PRESENCE))
            return max(int(cursor.fetchone()[0]), 1)


class Share:
    """No process keeps more than its part of the duties while others stand by."""

    def __init__(self, duties: int) -> None:
        self._duties = duties
        self._held = 0
        self._lock = threading.Lock()

    def took(self) -> None:
        with self._lock:
            self._held += 1

    def gave(self) -> None:
        with self._lock:
            self._held -= 1

    def gives_one(self, processes: int) -> bool:
        """Whether the caller is to let go of its duty; counted as given then."""
        with self._lock:
            if self._held <= -(-self._duties // processes):
                return False
            self._held -= 1
            return True
