"""`manage.py ledger verify|export|erase|archive|hold|rotate-key`: what operators do with the ledger."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aim import clock
from aim.encryption import UndecryptableError
from aim.errors import ServiceError
from aim.ids import IdKind, InvalidIdError, parse_id, show_id
from aim.ledger.archiving import ArchiveError, Month, archive_month
from aim.ledger.audit.seals import read_note
from aim.ledger.audit.walk import GRACE, Audit, Summary
from aim.ledger.erasure import Found, Person, erase_entries, find_entries, forget_old_versions
from aim.ledger.exporting import Selection, export_ledger
from aim.ledger.followers import OPERATOR
from aim.ledger.holds import active_holds, lift_hold, place_hold
from aim.ledger.keys import verifier_key, verifier_keys
from aim.ledger.models import Hold
from aim.ledger.notes import Checkpoint, NoteError, VerifierKey
from aim.ledger.sealing import BrokenLedgerError, rotate_key
from aim.ledger.tiles import ledger_size


class Command(BaseCommand):
    help = "Verify the ledger, export it for others to verify, erase what is personal, replace the key that seals it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        one = commands.add_parser("verify", help="the whole database; ends with 1 when something is not as sealed")
        one.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint that was kept elsewhere")
        one.add_argument("--key", metavar="KEY", help="the public key that you have kept, NAME+ID+BASE64")
        one.add_argument("--grace", type=float, default=GRACE.total_seconds(), help="seconds an entry may be unsealed")
        one = commands.add_parser("erase", help="the clear values of one person's entries")
        one.add_argument("--user", action="append", default=[], metavar="ID", help="delegated user, usr_… or e-mail")
        one.add_argument("--session", action="append", default=[], metavar="ID")
        one.add_argument("--address", action="append", default=[], metavar="IP")
        one.add_argument("--entry", action="append", default=[], metavar="ID", help="ent_… or ver_…")
        one.add_argument("--organization", metavar="ID", help="org_…; without it, in all of them")
        one.add_argument("--reason", required=True, help="goes on record: do not repeat what is erased")
        one.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        one = commands.add_parser("rotate-key", help="a new key seals from now on; the old one signs it in")
        one.add_argument("--reason", required=True)
        one = commands.add_parser("export", help="files with which anybody can verify without AIM")
        one.add_argument("folder", type=Path)
        one.add_argument("--organization", metavar="ID", help="org_…; its entries only")
        one.add_argument("--from", type=int, default=0, dest="start", metavar="SEQ", help="the first place; default 0")
        one.add_argument("--to", type=int, dest="end", metavar="SEQ", help="the place to stop before; default the end")
        one = commands.add_parser("archive", help="a month that is over: to files, and out of the database")
        one.add_argument("month", metavar="YYYY-MM")
        one.add_argument("folder", type=Path)
        one.add_argument("--detach", action="store_true", help="take it out; its tables stay beside the ledger's")
        one.add_argument("--drop", action="store_true", help="take it out and delete its tables")
        one = commands.add_parser("hold", help="legal hold: nothing that it covers leaves the database")
        one.add_argument("verb", choices=["list", "place", "lift"])
        one.add_argument("hold", nargs="?", metavar="ID", help="hld_…, to lift")
        one.add_argument("--organization", metavar="ID", help="org_…; without it, everything is held")
        one.add_argument("--reason", default="")
        for known in commands.choices.values():
            known.add_argument("--json", action="store_true", help="JSON instead of sentences")

    def handle(self, *_args: object, **options: Any) -> None:
        match options["command"]:
            case "verify":
                self._verify(options)
            case "erase":
                self._erase(options)
            case "rotate-key":
                self._rotate(options)
            case "export":
                self._export(options)
            case "archive":
                self._archive(options)
            case "hold":
                self._hold(options)

    def _verify(self, options: dict[str, Any]) -> None:
        kept = _kept_checkpoint(options["checkpoint"], options["key"]) if options["checkpoint"] else None
        grace = timedelta(seconds=options["grace"])
        with _one_snapshot(), _progress("Verifying", ledger_size(), quiet=options["json"]) as done:
            summary = Audit(kept=kept, grace=grace, progress=done).run()
        shown = _shown(summary)
        if options["json"]:
            self.stdout.write(json.dumps(shown))
        else:
            for finding in summary.findings:
                self.stdout.write(f"{finding.code:<28} {finding.record}: {finding.detail}")
            verdict = f"{len(summary.findings)} findings, the first above." if summary.findings else "All as sealed."
            self.stdout.write(
                f"{summary.size} entries ({summary.sealed} sealed, {summary.archived} archived),"
                f" {summary.checkpoints} checkpoints. {verdict}"
            )
            if kept is None:
                self.stdout.write(
                    "A cut end shows only against a checkpoint that was kept elsewhere: --checkpoint FILE."
                )
        if summary.findings:
            sys.exit(1)

    def _erase(self, options: dict[str, Any]) -> None:
        texts = frozenset([*options["user"], *options["session"], *options["address"]])
        person = Person(texts, frozenset(_entry_id(text) for text in options["entry"]))
        if not any(person):
            raise CommandError("Say whose data: --user, --session, --address or --entry.")
        organization = _organization_id(options["organization"])
        found: dict[UUID, Found] = {one.id: one for one in find_entries(person, organization_id=organization)}
        counts: dict[str, int] = {}
        if found and not options["dry_run"]:
            counts = erase_entries(OPERATOR, list(found.values()), reason=options["reason"])
            forget_old_versions()
        if options["json"]:
            entries = [entry_id.hex for entry_id in found]
            self.stdout.write(json.dumps({"entries": entries, "erased": counts, "dry_run": options["dry_run"]}))
            return
        verb = "would be" if options["dry_run"] else "were"
        self.stdout.write(f"The clear values of {len(found)} entries {verb} erased.")
        for table, count in counts.items():
            self.stdout.write(f"  {table:<28} {count}")

    def _rotate(self, options: dict[str, Any]) -> None:
        try:
            old, new = rotate_key(OPERATOR, reason=options["reason"])
        except (BrokenLedgerError, UndecryptableError) as error:
            raise CommandError(str(error)) from None
        keys = {"retired": verifier_key(old).text(), "key": verifier_key(new).text()}
        if options["json"]:
            self.stdout.write(json.dumps(keys))
        else:
            self.stdout.write(f"Sealed from now on by {keys['key']}\nRetired              {keys['retired']}")

    def _export(self, options: dict[str, Any]) -> None:
        selection = Selection(_organization_id(options["organization"]), options["start"], options["end"])
        with _one_snapshot(), _progress("Exporting", ledger_size(), quiet=options["json"]) as done:
            try:
                written = export_ledger(options["folder"], selection, progress=done)
            except (OSError, LookupError) as error:
                raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(written)))
        else:
            self.stdout.write(
                f"{written.entries} of {written.size} entries and {written.tiles} tiles are in {options['folder']}."
                " Verify them with docs/verifier/aim_verify.py."
            )

    def _archive(self, options: dict[str, Any]) -> None:
        try:
            month = Month.parse(options["month"])
            done = archive_month(month, options["folder"], OPERATOR, detach=options["detach"], drop=options["drop"])
        except (ArchiveError, OSError, LookupError, OperationalError) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done)))
            return
        left = " and left the database" if done.detached else ""
        self.stdout.write(f"{done.entries} entries of {done.month} are in {options['folder']}{left}.")
        self.stdout.write(f"SHA-256 of entries.ndjson: {done.sha256}")

    def _hold(self, options: dict[str, Any]) -> None:
        if options["verb"] != "list" and not options["reason"].strip():
            raise CommandError("Say why: --reason.")
        try:
            match options["verb"]:
                case "place":
                    owner = _organization_id(options["organization"])
                    holds = [place_hold(OPERATOR, organization_id=owner, reason=options["reason"])]
                case "lift":
                    holds = [lift_hold(OPERATOR, _hold_id(options["hold"]), reason=options["reason"])]
                case _:
                    holds = list(active_holds())
        except ServiceError as error:
            raise CommandError(error.message) from None
        shown = [_shown_hold(hold) for hold in holds]
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for hold in shown:
            covers = hold["organization"] or "everything"
            self.stdout.write(f"{hold['id']}  {covers}  since {hold['placed_at']}  {hold['reason']}")
        if not shown:
            self.stdout.write("Nothing is held.")


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Everything that is read is of one moment, whatever is written meanwhile."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def _progress(what: str, total: int, *, quiet: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _kept_checkpoint(path: Path, key: str | None) -> Checkpoint:
    try:
        keys = [VerifierKey.parse(key)] if key else verifier_keys()
        return read_note(path.read_text(), keys)
    except (OSError, UnicodeDecodeError, NoteError) as error:
        _refuse(f"{path}: {error}")


def _organization_id(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return parse_id(IdKind.ORGANIZATION, text)
    except InvalidIdError as error:
        _refuse(str(error))


def _entry_id(text: str) -> UUID:
    kind = IdKind.VERIFICATION if text.startswith("ver_") else IdKind.ENTRY
    try:
        return parse_id(kind, text)
    except InvalidIdError:
        _refuse(f"{text} is no id of the form ent_… or ver_…")


def _hold_id(text: str | None) -> UUID:
    try:
        return parse_id(IdKind.HOLD, text or "")
    except InvalidIdError as error:
        _refuse(str(error))


def _shown_hold(hold: Hold) -> dict[str, str | None]:
    return {
        "id": hold.public_id,
        "organization": show_id(IdKind.ORGANIZATION, hold.organization_id) if hold.organization_id else None,
        "reason": hold.reason,
        "placed_at": clock.show_time(hold.placed_at),
        "lifted_at": clock.show_time(hold.lifted_at) if hold.lifted_at else None,
    }


def _refuse(message: str) -> NoReturn:
    raise CommandError(message)


def _shown(summary: Summary) -> dict[str, object]:
    return asdict(summary) | {"root": summary.root.hex()}
