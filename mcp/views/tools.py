"""What a person decides of a server's tools, from its page."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to
from aim.console.toasts import say
from aim.errors import ConflictError
from aim.ids import IdKind
from mcp.models import McpServer, Tool
from mcp.selectors import server_by_id, tool_by_id
from mcp.services.offerings import approve_offering
from mcp.services.tools import approve_definition, reject_definition, update_tool
from mcp.wording import visible


@require_POST
@console_page(Permission.MCP_WRITE)
def server_tools(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """Update Capabilities: what is ticked is on, each with its permission level. Only what differs is changed."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    on = set(request.POST.getlist("enabled"))
    changed, refused = 0, ""
    for tool in server.tools.all():
        shown = tool.public_id
        permission = request.POST.get(f"permission-{shown}", "")
        if permission not in Tool.Permission.values:
            continue  # The tool was not on the page: it was found after the page was drawn.
        enabled = shown in on
        if (enabled, permission) == (tool.enabled, tool.permission):
            continue
        try:
            update_tool(actor, server.id, tool.id, enabled=enabled, permission=permission)
            changed += 1
        except ConflictError as error:
            refused = f"{visible(tool.name)}: {error.message}"
    if refused:
        say(request, refused, failed=True)
    else:
        words = _("Capabilities updated. They are in force for the very next call.")
        say(request, words if changed else _("Nothing was changed."))
    return _back(request, server)


@require_POST
@console_page(Permission.MCP_WRITE)
def server_tool_judge(request: HttpRequest, actor: Actor, server_id: str, tool_id: str, verb: str) -> HttpResponse:
    """What the server offers now becomes what is approved, or is rejected: the tool stays off."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    tool = tool_by_id(server, path_id(IdKind.MCP_TOOL, tool_id))
    try:
        if verb == "approve":
            approve_definition(actor, server.id, tool.id)
            words = _("The new definition of %(tool)s is approved.")
        else:
            reject_definition(actor, server.id, tool.id)
            words = _("The new definition of %(tool)s is rejected; the tool stays off.")
        say(request, words % {"tool": visible(tool.name)})
    except ConflictError as error:
        say(request, error.message, failed=True)
    return _back(request, server)


@require_POST
@console_page(Permission.MCP_WRITE)
def server_offering_approve(request: HttpRequest, actor: Actor, server_id: str, offering_id: str) -> HttpResponse:
    """What the server says or offers now becomes what is approved."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    try:
        approve_offering(actor, server.id, path_id(IdKind.MCP_OFFERING, offering_id))
        say(request, _("It is approved as the server offers it now."))
    except ConflictError as error:
        say(request, error.message, failed=True)
    return _back(request, server)


def _back(request: HttpRequest, server: McpServer) -> HttpResponse:
    return redirect_to(request, f"{reverse('mcp:server-detail', args=[server.public_id])}?tab=capabilities")
