"""How the services of MCP servers write to the ledger. Every entry of a server has the server as its subject."""

from collections.abc import Mapping

from accounts.contracts import Actor
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry
from mcp.models import McpServer, ServerKey


def record(
    actor: Actor,
    event: Event,
    *,
    server: McpServer,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> Entry:
    """Append the entry of one change, in the caller's transaction."""
    return append_entry(
        kind=event.value,
        organization_id=server.organization_id,
        actor=actor.entry(),
        subject={"kind": "mcp_server", "id": server.id.hex, "label": server.name},
        subject_id=server.id,
        data=data,
        personal=personal,
    )


def key_data(key: ServerKey) -> dict[str, object]:
    """How entries name a public key."""
    return {"id": key.id.hex, "type": key.key_type, "bits": key.bits, "fingerprint": key.fingerprint}
