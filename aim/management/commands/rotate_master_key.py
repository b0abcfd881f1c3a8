"""`manage.py rotate_master_key [--dry-run] [--json]`: every secret in the database under the first master key."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.followers import OPERATOR
from aim.protected import Count, Protected, all_protected, encrypt_rows_anew


class Command(BaseCommand):
    help = "Encrypt every secret in the database under the first of AIM_MASTER_KEYS, so that the others can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count what is under other keys; change nothing")
        parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")

    def handle(self, *_args: object, **options: Any) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        # On standard error, so that what is on standard output can be read by programs.
        with Progress(*columns, console=Console(stderr=True), disable=options["json"], transient=True) as bar:
            counts = {
                protected.name: self._sort(protected, bar, dry_run=options["dry_run"]) for protected in all_protected()
            }
        if not options["dry_run"] and any(count.anew for count in counts.values()):
            self._record(counts)
        self._show(counts, options)
        if any(count.undecryptable for count in counts.values()):
            sys.exit(1)

    def _sort(self, protected: Protected, bar: Progress, *, dry_run: bool) -> Count:
        task = bar.add_task(protected.name, total=protected.rows().count())
        return encrypt_rows_anew(protected, dry_run=dry_run, progress=lambda rows: bar.advance(task, rows))

    @transaction.atomic
    def _record(self, counts: dict[str, Count]) -> None:
        append_entry(
            kind=Event.MASTER_KEY_ROTATED.value,
            organization_id=None,
            actor=OPERATOR,
            subject={"kind": "installation", "id": None, "label": "master key"},
            data={"secrets": {name: asdict(count) for name, count in counts.items()}},
        )

    def _show(self, counts: dict[str, Count], options: dict[str, Any]) -> None:
        if options["json"]:
            shown = {name: asdict(count) for name, count in counts.items()}
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "secrets": shown}))
            return
        verb = "would be encrypted anew" if options["dry_run"] else "encrypted anew"
        for name, count in counts.items():
            lost = f", {count.undecryptable} UNDER NO CONFIGURED KEY" if count.undecryptable else ""
            self.stdout.write(f"{name:<32} {count.anew} {verb}, {count.current} were under the first key{lost}")
        if not any(count.anew or count.undecryptable for count in counts.values()):
            self.stdout.write("The other master keys protect no secret any more.")
        self.stdout.write("Before you remove one: manage.py trust baseline --all --reason 'New master key'")
