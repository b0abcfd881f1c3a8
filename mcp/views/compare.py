"""Servers side by side: their keys, how they prove themselves, and which of them somebody should look at."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.pages import render_page
from aim.ids import IdKind, InvalidIdError, parse_id
from mcp.assessment import Assessment, assess, needs_attention
from mcp.figures import Attempts, attempts_of
from mcp.identity import Identity, identity_of
from mcp.models import KeyRotation, McpServer
from mcp.selectors import servers_visible_to

MOST = 8
_OFFERED = 30


@dataclass(frozen=True, slots=True)
class Compared:
    server: McpServer
    identity: Identity
    attempts: Attempts
    assessment: Assessment
    last_rotation: KeyRotation | None
    reasons: list[Promise | str]


@require_safe
@console_page(Permission.MCP_READ)
def server_compare(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Up to eight servers, named in the address; any other may be added by search."""
    ids = _ids(request.GET.getlist("server"))
    found = {server.id: server for server in servers_visible_to(actor).filter(id__in=ids)}
    chosen = [found[id_] for id_ in ids if id_ in found]
    text = request.GET.get("q", "").strip().replace("\x00", "")[:200]
    others = servers_visible_to(actor).exclude(id__in=[server.id for server in chosen]).order_by("display_name")
    if text:
        others = others.filter(display_name__icontains=text) | others.filter(name__icontains=text)
    context = {
        "compared": [_compared(server) for server in chosen],
        "others": list(others[:_OFFERED]),
        "text": text,
        "full": len(chosen) >= MOST,
        "most": MOST,
    }
    return render_page(request, "mcp/server_compare.html", context)


def _compared(server: McpServer) -> Compared:
    identity, attempts = identity_of(server), attempts_of(server)
    assessment = assess(server, identity, attempts)
    done = server.rotations.filter(state=KeyRotation.State.COMPLETED).order_by("-completed_at").first()
    return Compared(server, identity, attempts, assessment, done, needs_attention(server, identity, assessment))


def _ids(texts: list[str]) -> list[UUID]:
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[parse_id(IdKind.MCP_SERVER, text)] = None
        except InvalidIdError:
            continue
    return list(found)[:MOST]
