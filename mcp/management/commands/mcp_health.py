"""`manage.py mcp_health`: ask the health of MCP servers now, and keep what they say as by the schedule."""

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from aim.bulk import add_usual_arguments, each_at_once
from mcp.bulk import add_server_arguments, chosen_servers
from mcp.models import Health, HealthSample, McpServer
from mcp.services.health import HealthCheck, check_health, job_of, keep_checks


class Command(BaseCommand):
    help = "Check the health of MCP servers now. Ends with 1 when one is not healthy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_usual_arguments(parser, concurrency=16)
        add_server_arguments(parser)

    def handle(self, *_args: object, **options: Any) -> None:
        names = dict(chosen_servers(options).values_list("id", "name"))
        checks = list(
            each_at_once("Health", list(names), _check, concurrency=options["concurrency"], quiet=options["json"])
        )
        keep_checks(checks)
        checks.sort(key=lambda check: names[check.server_id])
        if options["json"]:
            self.stdout.write(json.dumps({"servers": [_shown(check, names) for check in checks]}))
        else:
            for check in checks:
                said = f"{check.response_ms:.1f} ms" if check.response_ms is not None else check.error
                self.stdout.write(f"{check.state.value:<10} {names[check.server_id]}: {said}")
            healthy = sum(check.state == Health.HEALTHY for check in checks)
            self.stdout.write(f"{healthy} of {len(checks)} servers are healthy.")
        if any(check.state != Health.HEALTHY for check in checks):
            sys.exit(1)


def _check(server_id: UUID) -> HealthCheck:
    return check_health(job_of(McpServer.objects.get(id=server_id)), trigger=HealthSample.Trigger.COMMAND)


def _shown(check: HealthCheck, names: dict[UUID, str]) -> dict[str, object]:
    return {
        "server": names[check.server_id],
        "health": check.state.value,
        "response_ms": check.response_ms,
        "error_code": check.error_code or None,
        "error": check.error or None,
    }
