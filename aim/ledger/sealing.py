"""Sealing: every few seconds the whole ledger so far is signed as one statement, a checkpoint.

What has been sealed once can neither be changed nor taken away without contradicting the checkpoint, and the next one
is signed only if the tree still begins with what the last one said.
"""

from collections.abc import Mapping
from datetime import timedelta
from zlib import crc32

import structlog
from django.db import DatabaseError, connection, transaction

from aim import clock
from aim.health import watched
from aim.ledger.append import append_entry
from aim.ledger.duties import duty
from aim.ledger.events import Event
from aim.ledger.followers import SYSTEM
from aim.ledger.keys import Signer, current_signer, new_signer, retire
from aim.ledger.models import Checkpoint, SealKey
from aim.ledger.notes import Checkpoint as Statement
from aim.ledger.notes import sign_note
from aim.ledger.tiles import MissingHashesError, keep_full_tiles, ledger_size, read_tile
from aim.ledger.tree import Tree

log = structlog.get_logger("aim.ledger")

EVERY_SECONDS = 5.0
QUIET = timedelta(hours=1)
"""How often a ledger is sealed that does not grow."""
LATE = timedelta(seconds=60)
_LOCK = (0x41494D, crc32(b"seal") & 0x7FFF_FFFF)


class BrokenLedgerError(Exception):
    """The ledger contradicts its last checkpoint: nothing more is signed until somebody has looked."""


def last_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-number").first()


def sealed_size() -> int:
    """How many entries are covered by a checkpoint."""
    last = last_checkpoint()
    return last.size if last else 0


@duty(name="seal", seconds=EVERY_SECONDS)
def seal_if_due() -> Checkpoint | None:
    """Seal when something has been added, or when the last checkpoint is an hour old; answers the new one."""
    last = last_checkpoint()
    if last is not None and ledger_size() == last.size and clock.now() - last.signed_at < QUIET:
        return None
    return seal()


@transaction.atomic
def seal(actor: Mapping[str, object] = SYSTEM) -> Checkpoint:
    """Sign the ledger as it is. Raises `BrokenLedgerError`, and `UndecryptableError` without the right master keys."""
    _lock()
    return _seal([current_signer(actor)])


@transaction.atomic
def rotate_key(actor: Mapping[str, object], *, reason: str) -> tuple[SealKey, SealKey]:
    """Replace the key: a last checkpoint signed with both ties the new one to the old. Answers old and new."""
    _lock()
    old = current_signer(actor)
    new = new_signer(actor, follows=old.row)
    append_entry(
        kind=Event.LEDGER_KEY_ROTATED,
        organization_id=None,
        actor=actor,
        subject={"kind": "seal_key", "id": new.row.id.hex, "label": new.public.text()},
        subject_id=new.row.id,
        data={"retired": old.public.text(), "reason": reason},
    )
    _seal([old, new])
    retire(old.row)
    return old.row, new.row


def _lock() -> None:
    """One at a time, over all processes, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _LOCK)


def _seal(signers: list[Signer]) -> Checkpoint:
    last = last_checkpoint()
    size = ledger_size()
    _refuse_contradiction(last, size)
    keep_full_tiles(size)
    now = clock.now()
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    number = last.number + 1 if last else 1
    statement = Statement(signers[0].public.name, size, Tree(size, read_tile).root(), number, now)
    note = sign_note(statement.text(), [(signer.public, signer.private) for signer in signers])
    return Checkpoint.objects.create(number=number, size=size, root=statement.root, signed_at=now, note=note)


def _refuse_contradiction(last: Checkpoint | None, size: int) -> None:
    if last is None:
        return
    if size < last.size:
        raise BrokenLedgerError(f"Checkpoint {last.number} covers {last.size} entries, but there are {size}")
    try:
        root = Tree(last.size, read_tile).root()
    except MissingHashesError as error:
        raise BrokenLedgerError(str(error)) from None
    if root != bytes(last.root):
        raise BrokenLedgerError(f"The first {last.size} entries are not those of checkpoint {last.number}")


@watched("seal")
def _seal_state() -> str | None:
    """What is wrong with sealing, or None. Decisions do not wait for it."""
    try:
        last, size = last_checkpoint(), ledger_size()
        _refuse_contradiction(last, size)
    except BrokenLedgerError as error:
        return f"the ledger contradicts its checkpoint: {error}"
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"
    if last is None:
        return None
    age = clock.now() - last.signed_at
    if age > QUIET + LATE or (size > last.size and age > LATE):
        return f"{size - last.size} entries wait, the last checkpoint is {age.total_seconds():.0f} s old"
    return None
