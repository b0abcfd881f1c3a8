"""Instructions, resources and prompts of a server: pinned like its tools, each difference told of once.

AIM decides about calls of tools. So a difference is answered by what can be done about it: the server's own word to
models, once it tries to steer them, holds every tool where the setting is to hold; a resource or a prompt is told of.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.canonical import digest
from aim.errors import NotFoundError
from aim.ledger.events import Event
from aim.ledger.language import language_of_the_ledger
from mcp.alerts import FAILURE
from mcp.definitions import digest_of_definition
from mcp.drift import Kind, differences, is_suspicious, sentence_of, severity_of, traits_of_new
from mcp.errors import ToolConflictError
from mcp.ledger_entries import record
from mcp.models import DriftResponse, McpServer, Offering, ServerStatus, VerificationRun
from mcp.probe.protocol import Offer
from mcp.selectors import locked_server
from mcp.services.events import Kind as EventKind
from mcp.services.events import Severity, mcp_system, note
from mcp.services.lifecycle import move_server
from mcp.services.notices import tell

Definition = Mapping[str, Any]
_MOST_NAMES = 50
_HELD = "The server's instructions to models are no longer what was approved."


def take_offerings(server: McpServer, run: VerificationRun, offer: Offer, instructions: str) -> None:
    """Keep what the server offers beside its tools, and react to every difference once."""
    assert connection.in_atomic_block
    listed: dict[tuple[str, str], Definition] = {}
    if instructions:
        listed[Offering.Kind.INSTRUCTIONS, ""] = {"name": "instructions", "description": instructions}
    listed |= {(Offering.Kind.RESOURCE, uri): _steady(found) for uri, found in offer.resources.items()}
    listed |= {(Offering.Kind.PROMPT, name): found for name, found in offer.prompts.items()}
    known = {(row.kind, row.name): row for row in server.offerings.select_for_update().order_by("id")}
    _take_leave(server, run, [row for key, row in known.items() if key not in listed and row.present])
    same = {row.id for key, row in known.items() if key in listed and _is_as_approved(row, listed[key])}
    server.offerings.filter(id__in=same).update(last_seen_at=clock.now())
    others = [(row, found) for key, found in listed.items() if (row := known.get(key)) and row.id not in same]
    drifted = [row for row, found in others if _has_drifted(row, found)]
    # A change is a change to everybody who was told what is here; of a server's first list, only the remarkable is.
    is_first = not known and server.runs.exclude(id=run.id).filter(state=VerificationRun.State.SUCCEEDED).count() == 0
    new = {key: found for key, found in listed.items() if key not in known}
    remarkable = _add(server, run, new, is_first=is_first)
    for row in [*drifted, *remarkable][:_MOST_NAMES]:
        _tell_of(server, run, row)
    if drifted:
        _answer(server, run, drifted)


def held_by_instructions(server: McpServer) -> str:
    """Why every tool of the server is held for its instructions; empty where none is for that."""
    if server.drift_response == DriftResponse.ALERT:
        return ""
    open_ones = server.offerings.filter(kind=Offering.Kind.INSTRUCTIONS, severity="critical", present=True)
    return _HELD if open_ones.exclude(offered=None).exists() else ""


@transaction.atomic
def approve_offering(actor: Actor, server_id: UUID, offering_id: UUID) -> Offering:
    """Take what the server offers now for what is approved; tools that were held for it are free again."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    row = server.offerings.select_for_update().filter(id=offering_id).first()
    if row is None:
        raise NotFoundError
    if row.offered is None and not row.drift:
        raise ToolConflictError(_("It is as it was approved."))
    before = bytes(row.definition_digest)
    if row.offered is not None:
        row.definition, row.offered = row.offered, None
        row.definition_digest = digest_of_definition(row.definition)
    row.drift, row.severity = [], ""
    row.save(update_fields=["definition", "definition_digest", "offered", "drift", "severity"])
    data = {"kind": row.kind, "name": row.name, "before": before.hex(), "after": bytes(row.definition_digest).hex()}
    record(actor, Event.MCP_OFFERING_APPROVED, server=server, data=data)
    _release(server)
    return row


def _steady(resource: Definition) -> Definition:
    """A resource without what its content changes each time: its size, and when it was written."""
    hints = resource.get("annotations")
    kept = {name: value for name, value in resource.items() if name not in {"size", "annotations"}}
    if isinstance(hints, Mapping) and (lasting := {k: v for k, v in hints.items() if k != "lastModified"}):
        kept["annotations"] = lasting
    return kept


def _take_leave(server: McpServer, run: VerificationRun, gone: list[Offering]) -> None:
    if not gone:
        return
    server.offerings.filter(id__in=[row.id for row in gone]).update(present=False)
    names = ", ".join(_label(row) for row in gone[:_MOST_NAMES])
    text = _("No longer offered: %(names)s") % {"names": names}
    note(server, EventKind.TOOL_CHANGED, Severity.LOW, text, {"run": run.id.hex})
    if any(row.kind == Offering.Kind.INSTRUCTIONS for row in gone):
        _release(server)


def _is_as_approved(row: Offering, found: Definition) -> bool:
    return row.present and row.offered is None and bytes(row.definition_digest) == digest_of_definition(found)


def _has_drifted(row: Offering, found: Definition) -> bool:
    """Keep what is offered now; whether it is a difference that nobody was told of."""
    row.present, row.last_seen_at = True, clock.now()
    drifted = False
    if bytes(row.definition_digest) == digest_of_definition(found):
        if row.offered is not None:
            # It is again what was approved.
            row.offered, row.drift, row.severity = None, [], ""
            if row.kind == Offering.Kind.INSTRUCTIONS:
                _release(row.server, besides=row)
    elif row.offered is None or digest(row.offered) != digest(dict(found)):
        kinds = differences(row.definition, found) or [Kind.OTHER]
        row.offered, row.drift, row.severity = dict(found), [kind.value for kind in kinds], severity_of(kinds)
        drifted = True
    row.save(update_fields=["present", "last_seen_at", "offered", "drift", "severity"])
    return drifted


def _add(
    server: McpServer, run: VerificationRun, new: Mapping[tuple[str, str], Definition], *, is_first: bool
) -> list[Offering]:
    """Pin what nobody has seen before; answers what is remarkable of it."""
    remarkable = []
    rows = []
    for (kind, name), found in new.items():
        traits = traits_of_new({**found, "name": ""}, ())
        suspicious = is_suspicious(traits)
        row = Offering(
            server=server,
            kind=kind,
            name=name,
            definition=dict(found),
            definition_digest=digest_of_definition(found),
            drift=[trait.value for trait in traits] if suspicious else [],
            severity=severity_of(traits) if suspicious else "",
            last_seen_at=clock.now(),
        )
        rows.append(row)
        remarkable += [row] if suspicious else []
    Offering.objects.bulk_create(rows)
    if rows and not is_first:
        names = ", ".join(_label(row) for row in rows[:_MOST_NAMES])
        text = _("Newly offered: %(names)s") % {"names": names}
        note(server, EventKind.TOOL_CHANGED, Severity.LOW, text, {"run": run.id.hex})
    return remarkable


def _tell_of(server: McpServer, run: VerificationRun, row: Offering) -> None:
    data = {
        "run": run.id.hex,
        "kind": row.kind,
        "name": row.name,
        "kinds": row.drift,
        "severity": row.severity,
        "response": str(server.drift_response),
        "approved": bytes(row.definition_digest).hex(),
        "offered": digest_of_definition(row.offered or row.definition).hex(),
    }
    record(mcp_system(server), Event.MCP_OFFERING_CHANGED, server=server, data=data)
    text = f"{_label(row)}: {sentence_of([Kind(kind) for kind in row.drift])}"
    note(server, EventKind.TOOL_CHANGED, Severity(row.severity), text, {**data, "offering": row.id.hex})


def _answer(server: McpServer, run: VerificationRun, drifted: list[Offering]) -> None:
    """Hold the tools or suspend the server, as the setting says."""
    names = ", ".join(_label(row) for row in drifted[:_MOST_NAMES])
    suspends = server.drift_response == DriftResponse.SUSPEND and server.status == ServerStatus.ACTIVE
    held = 0
    if held_by_instructions(server):
        held = server.tools.filter(held_reason="").update(held_reason=_HELD)
    if suspends:
        # The ledger has the reason in its own language.
        with language_of_the_ledger():
            reason = f"No longer what was approved: {', '.join(_label(row) for row in drifted[:_MOST_NAMES])}"
        move_server(mcp_system(server), server, "suspended", reason=reason)
        text = _("Server suspended. No longer what was approved: %(names)s") % {"names": names}
        note(server, EventKind.SUSPENSION, Severity.CRITICAL, text, {"run": run.id.hex})
    if suspends:
        words = _("What %(server)s offers has changed, and it is suspended")
    elif held:
        words = _("What %(server)s offers has changed, and its tools are held")
    else:
        words = _("What %(server)s offers has changed")
    details = [f"{_label(row)}: {sentence_of([Kind(kind) for kind in row.drift])}" for row in drifted[:20]]
    tell(server, FAILURE, words % {"server": server.name}, details, once=f"mcp-offerings:{run.id.hex}")


def _release(server: McpServer, *, besides: Offering | None = None) -> None:
    """Let go of the tools that were held for instructions that hold no more."""
    if besides is None and held_by_instructions(server):
        return
    server.tools.filter(held_reason=_HELD).update(held_reason="")


def _label(row: Offering) -> str:
    return _("The instructions to models") if row.kind == Offering.Kind.INSTRUCTIONS else f"{row.kind} {row.name[:200]}"
