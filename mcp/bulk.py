"""Which MCP servers a command is about."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import QuerySet

from aim.bulk import read_id
from aim.ids import IdKind
from mcp.models import McpServer, ServerStatus, VerificationStatus


def add_server_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--server", action="append", default=[], metavar="ID", help="mcp_…; may be repeated")
    parser.add_argument("--verification", choices=VerificationStatus.values)


def chosen_servers(options: dict[str, Any]) -> QuerySet[McpServer]:
    """Those that the options name, oldest first; never a retired one. Raises `CommandError` for an id that is none."""
    rows = McpServer.objects.exclude(status=ServerStatus.RETIRED).order_by("id")
    if options["organization"]:
        rows = rows.filter(organization_id=read_id(IdKind.ORGANIZATION, options["organization"]))
    if options["server"]:
        rows = rows.filter(id__in=[read_id(IdKind.MCP_SERVER, text) for text in options["server"]])
    if options["verification"]:
        rows = rows.filter(verification=options["verification"])
    return rows
