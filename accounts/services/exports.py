"""Who took a list along as a file, and which."""

from django.db import transaction

from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.permissions import Permission
from accounts.selectors import organization_of
from aim.console.list_kinds import ListKind
from aim.ledger.events import Event


@transaction.atomic
def note_export(actor: Actor, kind: ListKind, *, query: str) -> None:
    """Before the first line leaves: what isn't recorded is not handed out. `query` is what of the address counts."""
    actor.require(Permission(kind.permission))
    record(
        actor,
        Event.LIST_EXPORTED,
        organization_id=actor.organization_id,
        subject=organization_of(actor),
        data={"list": kind.name, "format": "csv"},
        personal={"query": query},
    )
