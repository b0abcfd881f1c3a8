"""MCP servers of a test's own, registered by the service that the product itself uses."""

from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone

from accounts.contracts import Actor
from mcp.definitions import digest_of_definition
from mcp.models import McpServer, ServerBook, ServerKey, Tool, VerificationStatus
from mcp.services.registration import register_server
from tests.factories.accounts import unique
from tests.factories.agents import pem_of


def server_configuration(**fields) -> dict[str, Any]:
    return {
        "name": unique("server"),
        "display_name": "Filesystem MCP Server",
        "version": "1.0.0",
        "url": "https://mcp.company.com/filesystem",
        **fields,
    }


def make_server(actor: Actor, *, public_key: str | None = None, **fields) -> McpServer:
    return register_server(actor, server_configuration(**fields), public_key=public_key)


def make_proved_server(actor: Actor, private=None, **fields) -> McpServer:
    """A server whose key a run has proved."""
    private = private or Ed25519PrivateKey.generate()
    fields = {"verification_url": "https://mcp.company.com/filesystem/verify", **fields}
    server = make_server(actor, public_key=pem_of(private), **fields)
    server.keys.update(status=ServerKey.Status.ACTIVE, proved_at=timezone.now())
    server.verification, server.last_verified_at = VerificationStatus.VERIFIED, timezone.now()
    server.save()
    return server


def make_tool(server: McpServer, name: str = "read_file", **fields) -> Tool:
    """A tool as a verification run would have found it."""
    definition = {"name": name, "description": "Reads a file", "inputSchema": {"type": "object"}}
    return Tool.objects.create(
        server=server,
        name=name,
        definition=definition,
        definition_digest=digest_of_definition(definition),
        last_seen_at=timezone.now(),
        **fields,
    )


def generation_of(organization_id: UUID) -> int:
    """The state of its servers that decisions of an organization go by, with what a commit would still add to it."""
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return ServerBook.objects.filter(organization_id=organization_id).values_list("generation", flat=True).first() or 0
