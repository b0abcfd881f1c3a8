"""Verify Now and Test Connection: begun from a page, followed step by step while a worker carries them out."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.fragments import DIALOG
from aim.console.pages import redirect_to, render_page, retarget
from aim.console.toasts import say
from aim.errors import ConflictError, NotFoundError
from aim.ids import IdKind, InvalidIdError, parse_id
from mcp.fragments import RUN, SERVER_WIZARD
from mcp.identity import identity_of
from mcp.models import KeyRotation, McpServer, ServerStatus, VerificationRun
from mcp.selectors import server_by_id, servers_visible_to
from mcp.services.runs import UNDER_WAY, start_run

MOST = 200
FROM_LIST = "list"


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_verify(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """First says what will be looked at; then begins, and the dialog follows."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    if request.method == "POST":
        return begin(request, actor, server, purpose=VerificationRun.Purpose.VERIFICATION)
    context = {"server": server, "identity": identity_of(server), "came_from": request.GET.get("from", "")}
    return render_page(request, "mcp/server_verify.html", context, fragments={"dialog": "dialog"})


@require_POST
@console_page(Permission.MCP_WRITE)
def server_test(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    return begin(request, actor, server, purpose=VerificationRun.Purpose.TEST)


@require_safe
@console_page(Permission.MCP_READ)
def run_progress(request: HttpRequest, actor: Actor, server_id: str, run_id: str) -> HttpResponse:
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    run = server.runs.filter(id=path_id(IdKind.MCP_RUN, run_id)).first()
    if run is None:
        raise NotFoundError
    return follow(request, actor, server, run)


@require_POST
@console_page(Permission.MCP_WRITE)
def servers_verify(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Those that are selected in the list: a run for each that is not retired."""
    begun, refused = 0, ""
    for server in servers_visible_to(actor).filter(id__in=_ids(request)):
        try:
            start_run(
                actor,
                server.id,
                purpose=VerificationRun.Purpose.VERIFICATION,
                trigger=VerificationRun.Trigger.MANUAL,
            )
            begun += 1
        except ConflictError as error:
            refused = f"{server.display_name}: {error.message}"
    text = ngettext("Verification of %(n)d server begun.", "Verification of %(n)d servers begun.", begun) % {"n": begun}
    say(request, f"{text} {refused}".strip(), failed=not begun)
    return redirect_to(request, _back(request))


def begin(request: HttpRequest, actor: Actor, server: McpServer, *, purpose: str) -> HttpResponse:
    try:
        run = start_run(actor, server.id, purpose=purpose, trigger=VerificationRun.Trigger.MANUAL)
    except ConflictError as error:
        say(request, error.message, failed=True)
        return redirect_to(request, "mcp:server-detail", server.public_id)
    return to_run(request, actor, server, run)


def to_run(
    request: HttpRequest, actor: Actor, server: McpServer, run: VerificationRun, *, came_from: str = ""
) -> HttpResponse:
    """The dialog that follows the run; without a script its page, to be loaded anew by hand."""
    came_from = came_from or _came_from(request)
    if not getattr(request, "htmx", None):
        return redirect_to(request, run_address(server, run, came_from=came_from))
    return retarget(follow(request, actor, server, run, came_from=came_from), DIALOG)


def follow(
    request: HttpRequest, actor: Actor, server: McpServer, run: VerificationRun, *, came_from: str = ""
) -> HttpResponse:
    came_from = came_from or _came_from(request)
    rotation = _rotation_of(run)
    agreed = run.state == VerificationRun.State.SUCCEEDED and rotation is not None and rotation.state == "proving"
    context = {
        "server": server,
        "run": run,
        "rotation": rotation,
        "agreed": agreed,
        "open": run.state in UNDER_WAY,
        "resumable": run.trigger == VerificationRun.Trigger.RENEWAL
        and run.state == VerificationRun.State.SUCCEEDED
        and server.status == ServerStatus.SUSPENDED
        and actor.may(Permission.MCP_LIFECYCLE),
        "address": run_address(server, run, came_from=came_from),
        "done": _done(server, run, came_from),
        "passed": sum(step["result"] == "passed" for step in run.steps),
    }
    parts = {"dialog": "dialog", SERVER_WIZARD: "dialog", RUN: "run"}
    return render_page(request, "mcp/run_progress.html", context, fragments=parts)


def _rotation_of(run: VerificationRun) -> KeyRotation | None:
    """The rotation whose new key the run is about."""
    if run.purpose != VerificationRun.Purpose.NEW_KEY or run.key_id is None:
        return None
    return KeyRotation.objects.filter(server_id=run.server_id, new_key_id=run.key_id).order_by("-id").first()


def run_address(server: McpServer, run: VerificationRun, *, came_from: str = "") -> str:
    address = reverse("mcp:run-progress", args=[server.public_id, run.public_id])
    return f"{address}?{urlencode({'from': came_from})}" if came_from == FROM_LIST else address


def _done(server: McpServer, run: VerificationRun, came_from: str) -> str:
    """Where the person goes on, once the dialog is closed."""
    if came_from == FROM_LIST:
        return f"{reverse('mcp:server-list')}?sort=-registered&new={server.public_id}"
    tab = "overview" if run.purpose == VerificationRun.Purpose.TEST else "identity"
    if run.trigger == VerificationRun.Trigger.RENEWAL:
        tab = "certificates"
    return f"{reverse('mcp:server-detail', args=[server.public_id])}?tab={tab}"


def _came_from(request: HttpRequest) -> str:
    return request.POST.get("from", request.GET.get("from", ""))


def _ids(request: HttpRequest) -> list[UUID]:
    found = []
    for text in request.POST.getlist("server")[:MOST]:
        try:
            found.append(parse_id(IdKind.MCP_SERVER, text))
        except InvalidIdError:
            continue
    return found


def _back(request: HttpRequest) -> str:
    """The list as it was: only a path of our own."""
    asked, home = request.POST.get("back", ""), reverse("mcp:server-list")
    return asked if asked == home or asked.startswith(f"{home}?") else home
