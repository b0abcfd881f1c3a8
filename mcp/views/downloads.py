"""What can be taken along from a server's page: its public key and what its tabs list."""

import json
from base64 import b64decode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.downloads import csv_response, file_name, file_response
from aim.ids import IdKind
from mcp.attempts import AttemptFilters, attempts_csv
from mcp.event_list import chosen_severities, events_csv, events_json
from mcp.health_list import HealthFilters, health_csv, health_rows
from mcp.identity import identity_of, type_label
from mcp.models import McpServer, ServerKey
from mcp.selectors import server_by_id


@require_safe
@console_page(Permission.MCP_READ)
def server_public_key(request: HttpRequest, actor: Actor, server_id: str, ending: str) -> HttpResponse:
    """The key in charge, or with `?key=mky_…` any other of the server, also one that is retired."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    key = _key(server, request.GET.get("key"))
    name = file_name(server.name, "public-key", ending=ending)
    if ending == "der":
        return file_response(der_of(key), name, "application/octet-stream")
    return file_response(pem_with_comment(server, key).encode(), name, "application/x-pem-file")


def pem_with_comment(server: McpServer, key: ServerKey) -> str:
    """RFC 7468 lets text stand before a block, and every reader of PEM skips it."""
    return (
        f"# Public key of the MCP server {server.public_id}\n"
        f"# {type_label(key.key_type, key.bits)}, {key.status}\n"
        f"# SHA-256 fingerprint: {key.fingerprint}\n"
        f"{key.pem.strip()}\n"
    )


def der_of(key: ServerKey) -> bytes:
    return b64decode("".join(line for line in key.pem.splitlines() if line and not line.startswith("-")))


@require_safe
@console_page(Permission.MCP_READ)
def server_attempts_csv(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponseBase:
    """As the page is filtered."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    rows = attempts_csv(server, AttemptFilters.read(request.GET))
    return csv_response(rows, file_name(server.name, "verification-history", ending="csv"))


@require_safe
@console_page(Permission.MCP_READ)
def server_health_file(request: HttpRequest, actor: Actor, server_id: str, ending: str) -> HttpResponseBase:
    """As the page is filtered."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    filters = HealthFilters.read(request.GET)
    name = file_name(server.name, "health-checks", ending=ending)
    if ending == "csv":
        return csv_response(health_csv(server, filters), name)
    content = json.dumps(list(health_rows(server, filters)), ensure_ascii=False, indent=2)
    return file_response(content.encode(), name, "application/json")


@require_safe
@console_page(Permission.MCP_READ)
def server_events_file(request: HttpRequest, actor: Actor, server_id: str, ending: str) -> HttpResponseBase:
    """As the page is filtered."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    severities = chosen_severities(request.GET)
    name = file_name(server.name, "security-events", ending=ending)
    if ending == "csv":
        return csv_response(events_csv(server, severities), name)
    content = json.dumps(events_json(server, severities), ensure_ascii=False, indent=2)
    return file_response(content.encode(), name, "application/json")


def _key(server: McpServer, asked: str | None) -> ServerKey:
    key = identity_of(server).key
    if asked:
        id_ = path_id(IdKind.MCP_KEY, asked)
        key = next((other for other in server.keys.all() if other.id == id_), None)
    if key is None:
        raise Http404
    return key
