"""Salted commitments: what stands in an entry for values that may have to be erased one day.

`{"sha256": …}` is SHA-256 over 16 random bytes and the value's canonical JSON. The value and its salt lie beside the
entry, in its disclosures. Once these are erased, nobody can tell the value from its commitment, not even by guessing,
and every proof that the commitment is part of stays valid.
"""

import os
import threading
from hashlib import sha256

SALT_BYTES = 16
_POOL_BYTES = 16_384


class SaltPool:
    """Random bytes of the operating system, fetched many at a time: a decision needs some, and no system call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = b""
        self._position = 0
        # A forked process must not repeat the salts of its parent.
        os.register_at_fork(after_in_child=self._empty)

    def take(self, count: int) -> bytes:
        """Random bytes for `count` salts; none is given twice."""
        wanted = count * SALT_BYTES
        with self._lock:
            end = self._position + wanted
            if end > len(self._pool):
                self._pool, self._position, end = os.urandom(max(_POOL_BYTES, wanted)), 0, wanted
            taken = self._pool[self._position : end]
            self._position = end
        return taken

    def _empty(self) -> None:
        self._pool = b""
        self._position = 0


salts = SaltPool()


def commit(salt: bytes, value: bytes) -> str:
    """The commitment to a value, given as its canonical JSON."""
    return sha256(salt + value).hexdigest()
