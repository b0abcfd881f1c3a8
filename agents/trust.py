"""The chain of an agent's trust: every step names its cause and the one before it, and is signed by this installation.

Whoever can write to the database but does not know `AIM_MASTER_KEYS` can destroy a chain, and cannot make one: no step
changed, left out, moved or added keeps its signature. A chain whose end is cut off is still sound in itself; it is
found by the ledger, which holds the number and the signature of every step.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from aim.canonical import canonical_json
from aim.environment import environment

HIGHEST, LOWEST = Decimal(100), Decimal(0)
BEGINNING = bytes(32)
"""What the first step has in place of the signature before it."""
RESTARTED = "restarted"
"""The cause of a step after which nothing before it is believed: an admin has answered for the score anew."""
_LABEL = b"aim agent trust chain 1"
_VERSION = 1


class Step(Struct, frozen=True):
    """One event as it is signed: the columns of `TrustEvent` but for those about the signature itself."""

    id: UUID
    organization_id: UUID
    agent_id: UUID
    number: int
    cause: str
    reason: str
    delta: Decimal
    score: Decimal
    entry_id: UUID
    seq: int | None
    at: datetime
    previous: bytes

    def signed_bytes(self) -> bytes:
        """The canonical JSON that the signature covers."""
        return canonical_json(
            {
                "v": _VERSION,
                "id": self.id.hex,
                "organization": self.organization_id.hex,
                "agent": self.agent_id.hex,
                "number": self.number,
                "cause": self.cause,
                "reason": self.reason,
                "delta": f"{self.delta:.2f}",
                "score": f"{self.score:.2f}",
                "entry": self.entry_id.hex,
                "seq": self.seq,
                "at": self.at.astimezone(UTC).isoformat(),
                "previous": self.previous.hex(),
            }
        )


class SignedStep(NamedTuple):
    step: Step
    key_id: str
    signature: bytes


@lru_cache(maxsize=8)
def _key(secret: str) -> tuple[str, bytes]:
    """The chain's own key, derived from a master key, and a name for it that gives nothing away."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(urlsafe_b64decode(secret))
    return hashlib.sha256(_LABEL + key).hexdigest()[:16], key


def _keys() -> Mapping[str, bytes]:
    """The keys a signature may have been made with: today's, and those that were replaced."""
    return dict(_key(secret.get_secret_value()) for secret in environment.master_keys)


def sign(step: Step) -> SignedStep:
    key_id, key = _key(environment.master_keys[0].get_secret_value())
    return SignedStep(step, key_id, hmac.digest(key, step.signed_bytes(), "sha256"))


def step_problem(signed: SignedStep) -> str | None:
    """What is wrong with a step by itself, or None."""
    key = _keys().get(signed.key_id)
    if key is None:
        return f"event {signed.step.number} is signed with a key that this installation does not have"
    if not hmac.compare_digest(hmac.digest(key, signed.step.signed_bytes(), "sha256"), signed.signature):
        return f"event {signed.step.number} does not fit its signature"
    return None


def chain_problem(chain: Sequence[SignedStep], *, before: SignedStep | None = None) -> str | None:
    """What is wrong with consecutive events of one agent, oldest first, or None; `before` precedes the first of them.

    A restart stands by itself: what came before it was found to be broken.
    """
    for signed in chain:
        if problem := step_problem(signed):
            return problem
        step = signed.step
        if step.cause == RESTARTED:
            before = signed
            continue
        number = before.step.number + 1 if before else 1
        if step.number != number:
            return f"event {number} is missing"
        if step.previous != (before.signature if before else BEGINNING):
            return f"event {number} does not follow the event before it"
        if before and step.agent_id != before.step.agent_id:
            return f"event {number} belongs to another agent"
        score = before.step.score + step.delta if before else step.delta
        if step.score != score:
            return f"event {number} does not add up"
        before = signed
    return None
