"""What concerns a server's security, as its page lists it: written with the change that it tells of."""

from collections.abc import Mapping
from enum import StrEnum

from django.db import connection

from accounts.actors import system_actor
from accounts.contracts import Actor
from aim import clock
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from mcp.ledger_entries import record
from mcp.models import McpServer, SecurityEvent

Severity = SecurityEvent.Severity


class Kind(StrEnum):
    """What an event is about. Kinds are stored and exported: add, never rename."""

    VERIFICATION_FAILED = "verification_failed"
    SUSPICIOUS_CONNECTION = "suspicious_connection"
    ACCESS_DENIED = "access_denied"
    CERTIFICATE = "certificate"
    KEY_ROTATION = "key_rotation"
    TOOL_CHANGED = "tool_changed"
    HEALTH = "health"
    SUSPENSION = "suspension"
    CREDENTIAL = "credential"


DERIVED = frozenset({Kind.SUSPICIOUS_CONNECTION, Kind.ACCESS_DENIED})
"""What the follower `mcp_use` makes of decisions, and removes when it begins anew: nobody else writes these kinds."""


def mcp_system(server: McpServer) -> Actor:
    """The product itself, where a schedule or a server's own answer changes something and no person does."""
    return system_actor(server.organization_id, label="mcp", permissions=frozenset())


def note(
    server: McpServer,
    kind: Kind,
    severity: SecurityEvent.Severity,
    text: str,
    data: Mapping[str, object] | None = None,
    *,
    event: Event | None = None,
    actor: Actor | None = None,
) -> SecurityEvent:
    """Write a security event, in the caller's transaction.

    `text` is one sentence for people, `data` whatever explains it, as JSON. With `event`, the ledger gets an entry of
    the same data by `actor` (the product itself when None) and the row names it as `data["entry"]`: for everything
    that somebody may have to prove and that no other entry of the change records.
    """
    assert connection.in_atomic_block
    assert kind not in DERIVED
    shown = dict(data or {})
    if event is not None:
        entry = record(actor or mcp_system(server), event, server=server, data=shown)
        shown["entry"] = show_id(IdKind.ENTRY, entry.id)
    return SecurityEvent.objects.create(
        server=server, kind=kind.value, severity=severity, text=text, data=shown, at=clock.now()
    )
