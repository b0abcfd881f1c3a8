"""Whether keys and checkpoints are what they say, and the tree the one that was signed."""

from collections.abc import Iterator
from typing import NamedTuple

from aim.encryption import UndecryptableError
from aim.ledger.audit.findings import Finding
from aim.ledger.keys import signer_of, verifier_key
from aim.ledger.models import Checkpoint, SealKey
from aim.ledger.notes import Checkpoint as Statement
from aim.ledger.notes import NoteError, VerifierKey, open_note
from aim.ledger.tree import EMPTY_ROOT, HEIGHT, TileId, node_hash

_STRETCH = 2_000


class Signed(NamedTuple):
    """A checkpoint of the database whose signature is good."""

    statement: Statement
    shown: str


def audit_keys() -> Iterator[Finding]:
    for row in SealKey.objects.order_by("id"):
        shown = f"key {row.id}"
        if row.private_key is None:
            if row.retired_at is None:
                yield Finding("key_altered", shown, "is in use and has no private half")
            continue
        if row.retired_at is not None:
            yield Finding("key_altered", shown, "is retired and still has a private half")
        try:
            signer = signer_of(row)
        except (UndecryptableError, ValueError):
            yield Finding(
                "key_altered", shown, "the private half is not what was stored, or the master keys are others"
            )
            continue
        if signer.private.public_key().public_bytes_raw() != bytes(row.public_key):
            yield Finding("key_altered", shown, "the halves do not belong together")


def audit_checkpoints() -> Iterator[Finding | Signed]:
    """Every checkpoint in order, and what is wrong with those that are not among them."""
    keys = [verifier_key(row) for row in SealKey.objects.order_by("id")]
    last, expected = None, 1
    for row in _checkpoints():
        shown = f"checkpoint {row.number}"
        if row.number != expected:
            yield Finding("checkpoint_missing", f"checkpoint {expected}", f"the next one is {row.number}")
        expected = row.number + 1
        try:
            statement = read_note(row.note, keys)
        except NoteError as error:
            yield Finding("checkpoint_altered", shown, str(error))
            continue
        if (row.number, row.size, bytes(row.root), row.signed_at) != (
            statement.number,
            statement.size,
            statement.root,
            statement.at,
        ):
            yield Finding("checkpoint_altered", shown, "a column says something else than the signed note")
        if last is not None and (statement.size < last.size or statement.at < last.at):
            yield Finding("checkpoint_altered", shown, "goes back behind the one before it")
        last = statement
        yield Signed(statement, shown)


def _checkpoints() -> Iterator[Checkpoint]:
    """All of them in order, some at a time. Whoever stops listening leaves nothing open in the database."""
    rows = list(Checkpoint.objects.order_by("number")[:_STRETCH])
    while rows:
        yield from rows
        rows = list(Checkpoint.objects.filter(number__gt=rows[-1].number).order_by("number")[:_STRETCH])


def read_note(note: str, keys: list[VerifierKey]) -> Statement:
    """What a checkpoint says; raises `NoteError` unless one of the keys has signed it."""
    text, _ = open_note(note, keys)
    return Statement.parse(text)


class Frontier:
    """The tree as it grows leaf by leaf: knows its root at every moment, and every tile as it fills."""

    def __init__(self) -> None:
        self.size = 0
        self.full: dict[TileId, tuple[bytes, bytes]] = {}
        """The full tiles since they were last taken: hashes and root."""
        self._subtrees: list[bytes] = []
        self._rows: list[list[bytes]] = [[]]

    def add(self, leaf: bytes) -> None:
        node, height, place = leaf, 0, self.size
        self._rows[0].append(leaf)
        while place & 1:
            node = node_hash(self._subtrees.pop(), node)
            height, place = height + 1, place >> 1
            if height % HEIGHT == 0:
                self._fill(height // HEIGHT - 1, place, node)
        self._subtrees.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self._subtrees:
            return EMPTY_ROOT
        *others, found = self._subtrees
        for subtree in reversed(others):
            found = node_hash(subtree, found)
        return found

    def _fill(self, level: int, number: int, root: bytes) -> None:
        self.full[TileId(level, number)] = (b"".join(self._rows[level]), root)
        self._rows[level] = []
        if level + 1 == len(self._rows):
            self._rows.append([])
        self._rows[level + 1].append(root)
