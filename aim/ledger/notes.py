"""Signed notes and checkpoints with Ed25519, as C2SP specifies them (c2sp.org/signed-note and /tlog-checkpoint)."""

import base64
import binascii
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519: Final = b"\x01"
_ID_BYTES: Final = 4
_DASH: Final = "— "
_LONGEST: Final = 100_000
_EXTENSION = re.compile(r"aim ([1-9][0-9]*) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class NoteError(ValueError):
    """The text is no note, no checkpoint, or not signed by a known key."""


class VerifierKey(NamedTuple):
    """The public half of a key, with the name it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def text(self) -> str:
        """The usual spelling: name, id in hex and key in base64, joined by `+`."""
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Raises `NoteError`."""
        name, _, rest = text.strip().partition("+")
        digits, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        key = cls(name, raw[1:])
        if raw[:1] != _ED25519 or len(key.public) != 32 or key.id.hex() != digits:  # noqa: PLR2004 - Ed25519
            raise NoteError("Not an Ed25519 verifier key")
        return key

    def verifies(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Checkpoint(NamedTuple):
    """What is signed of the tree. `number` counts the checkpoints of the log from 1, without a hole."""

    origin: str
    size: int
    root: bytes
    number: int
    at: datetime

    def text(self) -> str:
        """The signed text. The extension line binds what C2SP leaves open: which one it is, and when it was made."""
        at = self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\naim {self.number} {at}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Raises `NoteError` for any text that `text` does not write."""
        try:
            origin, size, root, extension = text.removesuffix("\n").split("\n")
        except ValueError:
            raise NoteError("Not a checkpoint of four lines") from None
        found = _EXTENSION.fullmatch(extension)
        if not origin or not _SIZE.fullmatch(size) or found is None:
            raise NoteError("Not a checkpoint")
        try:
            at = datetime.fromisoformat(found[2])
        except ValueError:
            raise NoteError("Not a checkpoint") from None
        checkpoint = cls(origin, int(size), _unbase64(root), int(found[1]), at)
        if checkpoint.text() != text:
            raise NoteError("Not a checkpoint in its one spelling")
        return checkpoint


def sign_note(text: str, signers: list[tuple[VerifierKey, Ed25519PrivateKey]]) -> str:
    """The text with one line of signature for each key."""
    lines = [f"{_DASH}{key.name} {_base64(key.id + private.sign(text.encode()))}\n" for key, private in signers]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str, keys: list[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """The signed text, and which of the keys have signed it; raises `NoteError` unless at least one has.

    A signature under a known key that does not verify spoils the note; those of unknown keys are left alone.
    """
    text, separator, lines = note.rpartition("\n\n")
    text += "\n"
    if not separator or len(note) > _LONGEST or not lines.endswith("\n"):
        raise NoteError("Not a signed note")
    if any(character < " " and character != "\n" for character in note):
        raise NoteError("A control character in a signed note")
    known = {(key.name, key.id): key for key in keys}
    signed: list[VerifierKey] = []
    for line in lines.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        raw = _unbase64(encoded)
        if not line.startswith(_DASH) or not name or len(raw) <= _ID_BYTES:
            raise NoteError("Not a line of signature")
        key = known.get((name, raw[:_ID_BYTES]))
        if key is None:
            continue
        if not key.verifies(text, raw[_ID_BYTES:]):
            raise NoteError("A signature does not verify")
        signed.append(key)
    if not signed:
        raise NoteError("Not signed by a known key")
    return text, signed


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("Not base64") from None
    if _base64(raw) != text:
        raise NoteError("Not base64 in its one spelling")
    return raw
