"""`manage.py reverify_mcp`: have many MCP servers verified again, now."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.db.models import Q

from aim.bulk import Examined, ReverifyCommand
from mcp.bulk import add_server_arguments, chosen_servers
from mcp.errors import ServerStatusError
from mcp.models import VerificationRun
from mcp.services.runs import perform_run, start_run


class Command(ReverifyCommand):
    help = "Verify MCP servers again, many at once. Ends with 1 when one has failed."
    things = "servers"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_server_arguments(parser)

    def choose(self, options: dict[str, Any]) -> dict[UUID, str]:
        rows = chosen_servers(options)
        if options["older_than"] is not None:
            rows = rows.filter(Q(last_verified_at=None) | Q(last_verified_at__lt=options["older_than"]))
        if options["since"] is not None:
            examined = VerificationRun.objects.filter(
                purpose=VerificationRun.Purpose.VERIFICATION, finished_at__gte=options["since"]
            )
            rows = rows.exclude(id__in=examined.values("server_id"))
        return dict(rows.values_list("id", "name"))

    def examine(self, thing_id: UUID) -> Examined:
        """A run that somebody else has under way is theirs."""
        try:
            run = start_run(
                None,
                thing_id,
                purpose=VerificationRun.Purpose.VERIFICATION,
                trigger=VerificationRun.Trigger.COMMAND,
                here=True,
            )
        except ServerStatusError:
            return Examined(thing_id, "retired")
        done = perform_run(run.id)
        return Examined(thing_id, str(done.state), done.error) if done else Examined(thing_id, "under way elsewhere")
