"""`manage.py reverify_mcp`: have many MCP servers verified again, now."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db.models import Q

from aim import clock
from mcp.bulk import add_server_arguments, chosen_servers, each_at_once, moment
from mcp.errors import ServerStatusError
from mcp.models import VerificationRun
from mcp.services.runs import perform_run, start_run


class Command(BaseCommand):
    help = "Verify MCP servers again, many at once. Ends with 1 when one has failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_server_arguments(parser, concurrency=8)
        parser.add_argument("--older-than", type=float, metavar="HOURS", help="not verified for so long, or never")
        parser.add_argument(
            "--since", type=moment, metavar="MOMENT", help="go on: leave out what was examined since, in ISO 8601"
        )
        parser.add_argument("--dry-run", action="store_true", help="say which, and examine none")

    def handle(self, *_args: object, **options: Any) -> None:
        rows = chosen_servers(options)
        if options["older_than"] is not None:
            before = clock.now() - timedelta(hours=options["older_than"])
            rows = rows.filter(Q(last_verified_at=None) | Q(last_verified_at__lt=before))
        if options["since"] is not None:
            examined = VerificationRun.objects.filter(
                purpose=VerificationRun.Purpose.VERIFICATION, finished_at__gte=options["since"]
            )
            rows = rows.exclude(id__in=examined.values("server_id"))
        names = dict(rows.values_list("id", "name"))
        if options["dry_run"]:
            self._show({"dry_run": True, "servers": sorted(names.values())}, f"{len(names)} servers", options)
            return
        self.stderr.write(f"If this is interrupted, go on with --since {clock.show_time(clock.now())}")
        self._verify(names, options)

    def _verify(self, names: dict[UUID, str], options: dict[str, Any]) -> None:
        counts: Counter[str] = Counter()
        failed = {}
        runs = each_at_once(
            "Verifying", list(names), _verify, concurrency=options["concurrency"], quiet=options["json"]
        )
        for server_id, state, error in runs:
            counts[state] += 1
            if state == VerificationRun.State.FAILED:
                failed[names[server_id]] = error
                if not options["json"]:
                    self.stdout.write(f"{names[server_id]}: {error}")
        summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        self._show({"dry_run": False, **counts, "errors": failed}, summary or "No servers", options)
        if failed:
            sys.exit(1)

    def _show(self, document: dict[str, Any], sentence: str, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(document) if options["json"] else f"{sentence}.")


def _verify(server_id: UUID) -> tuple[UUID, str, str]:
    """The run's state and error. One that somebody else has under way is theirs."""
    try:
        run = start_run(
            None,
            server_id,
            purpose=VerificationRun.Purpose.VERIFICATION,
            trigger=VerificationRun.Trigger.COMMAND,
            here=True,
        )
    except ServerStatusError:
        return server_id, "retired", ""
    done = perform_run(run.id)
    return (server_id, str(done.state), done.error) if done else (server_id, "under way elsewhere", "")
