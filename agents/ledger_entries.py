"""How the agents' services write to the ledger. Every entry of an agent has the agent as its subject."""

from collections.abc import Mapping

from accounts.contracts import Actor
from agents.models import Agent, PublicKey
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry


def record(
    actor: Actor,
    event: Event,
    *,
    agent: Agent,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> Entry:
    """Append the entry of one change, in the caller's transaction."""
    return append_entry(
        kind=event.value,
        organization_id=agent.organization_id,
        actor=actor.entry(),
        subject={"kind": "agent", "id": agent.id.hex, "label": agent.name},
        subject_id=agent.id,
        data=data,
        personal=personal,
    )


def key_data(key: PublicKey) -> dict[str, object]:
    """How entries name a public key."""
    return {"id": key.id.hex, "type": key.key_type, "bits": key.bits, "fingerprint": key.fingerprint}
