"""All reads of MCP servers. Each takes the actor first: people see those of their organization."""

from uuid import UUID

from django.db import connection
from django.db.models import Case, Q, QuerySet, When

from accounts.contracts import Actor, ActorKind
from agents.selectors import agents_visible_to
from aim.errors import NotFoundError
from aim.ids import IdKind, InvalidIdError, parse_id
from aim.ledger.events import Event
from aim.ledger.models import Entry
from mcp.models import Credential, KeyRotation, McpServer, Tool, ToolChange, VerificationRun, VerificationStatus


def servers_visible_to(actor: Actor) -> QuerySet[McpServer]:
    """The one place that scopes servers. Agents, operators and the system itself see none here."""
    if actor.kind is not ActorKind.PERSON:
        return McpServer.objects.none()
    servers = McpServer.objects.filter(organization_id=actor.scope)
    return servers.select_related("owner").prefetch_related("keys")


def servers_named(actor: Actor, text: str) -> QuerySet[McpServer]:
    """Servers whose names or address hold the text, for the palette; those whose name begins with it first."""
    named = Q(name__icontains=text) | Q(display_name__icontains=text) | Q(url__icontains=text)
    begins = Q(name__istartswith=text) | Q(display_name__istartswith=text)
    rows = servers_visible_to(actor).filter(named).select_related(None).prefetch_related(None)
    return rows.annotate(begins=Case(When(begins, then=0), default=1)).order_by("begins", "display_name")


def server_by_id(actor: Actor, server_id: UUID) -> McpServer:
    """Raises the same `NotFoundError` for an unknown server and for another organization's."""
    server = servers_visible_to(actor).filter(id=server_id).first()
    if server is None:
        raise NotFoundError
    return server


def locked_server(actor: Actor, server_id: UUID) -> McpServer:
    """As `server_by_id`, inside a transaction, with the row locked: changes of one server come one after another."""
    assert connection.in_atomic_block
    ids = servers_visible_to(actor).filter(id=server_id).values("id")
    server = McpServer.objects.select_for_update(no_key=True).filter(id__in=ids).first()
    if server is None:
        raise NotFoundError
    return server


def tool_by_id(server: McpServer, tool_id: UUID) -> Tool:
    tool = server.tools.filter(id=tool_id).first()
    if tool is None:
        raise NotFoundError
    return tool


def last_failure(server: McpServer) -> VerificationRun | None:
    """The run that tells why the server's verification is failed, or None where it is not."""
    if server.verification != VerificationStatus.FAILED:
        return None
    failed = VerificationRun.State.FAILED
    return server.runs.filter(purpose=VerificationRun.Purpose.VERIFICATION, state=failed).order_by("-id").first()


def rotations_of(server: McpServer) -> QuerySet[KeyRotation]:
    """The changes of the server's key, newest first."""
    return server.rotations.select_related("old_key", "new_key", "started_by", "confirmed_by")


def rotation_by_id(server: McpServer, rotation_id: UUID) -> KeyRotation:
    rotation = rotations_of(server).filter(id=rotation_id).first()
    if rotation is None:
        raise NotFoundError
    return rotation


def runs_of(server: McpServer) -> QuerySet[VerificationRun]:
    """Every run of the server, newest first."""
    return server.runs.select_related("key", "started_by")


def run_by_id(server: McpServer, run_id: UUID) -> VerificationRun:
    run = runs_of(server).filter(id=run_id).first()
    if run is None:
        raise NotFoundError
    return run


def credential_of(server: McpServer) -> Credential | None:
    return Credential.objects.select_related("set_by").filter(server=server).first()


def changes_of_tools(server: McpServer) -> QuerySet[ToolChange]:
    """What has changed of the server's tools, newest first."""
    return ToolChange.objects.filter(tool__server=server).select_related("tool", "resolved_by")


def unknown_agents(actor: Actor, texts: list[str]) -> list[int]:
    """The positions in the list of what is no id of an agent of the organization."""
    parsed = {position: _agent_id(text) for position, text in enumerate(texts)}
    known = set(agents_visible_to(actor).filter(id__in=[id_ for id_ in parsed.values() if id_]).values_list("id"))
    return [position for position, id_ in parsed.items() if (id_,) not in known]


def history_of(server: McpServer) -> QuerySet[Entry]:
    """Every change of the server, newest first."""
    decided = Q(kind=Event.VERIFICATION_DECIDED.value)
    return Entry.objects.filter(~decided, subject_id=server.id, organization_id=server.organization_id)


def _agent_id(text: str) -> UUID | None:
    try:
        return parse_id(IdKind.AGENT, text)
    except InvalidIdError:
        return None
