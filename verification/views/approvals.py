"""The inbox of approvals: a list, one request beside it, and the decision by pointer or key."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import NotFoundError, ServiceError
from aim.ids import IdKind
from verification.approvals.inbox import VIEWS, inbox_for, requested
from verification.approvals.models import Approval, ApprovalVote
from verification.fragments import APPROVALS
from verification.services.approvals import Terms, approve_request, deny_request, withdraw_approval
from verification.services.deadlocks import resolve_deadlock

HOUR = 3600


@require_safe
@console_page(Permission.APPROVALS_READ)
def approval_inbox(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What waits, and the request that was chosen (`a`), that stands there already (`shown`), or the first."""
    view = request.GET.get("view", "waiting")
    inbox = inbox_for(actor, view)
    asked = request.GET.get("a") or request.GET.get("shown") or (inbox.lines[0].id if inbox.lines else "")
    shown = requested(actor, path_id(IdKind.APPROVAL, asked)) if asked else None
    position = next((at for at, line in enumerate(inbox.lines) if line.id == asked), None)
    context: dict[str, Any] = {
        "inbox": inbox,
        "views": [
            {
                "label": f"{label} {inbox.waiting_count}" if name == "waiting" and inbox.waiting_count else label,
                "url": f"{reverse('verification:approval-inbox')}?view={name}",
                "current": name == inbox.view,
            }
            for name, label in VIEWS.items()
        ],
        "shown": shown,
        "may_decide": actor.may(Permission.APPROVALS_DECIDE),
        "may_resolve": actor.may(Permission.APPROVALS_RESOLVE),
        "chosen": bool(request.GET.get("a")),
        "previous": inbox.lines[position - 1].id if position else "",
        "following": inbox.lines[position + 1].id if position is not None and position + 1 < len(inbox.lines) else "",
        "refused": "",
    }
    return render_page(request, "verification/approval_inbox.html", context, fragments={APPROVALS: "inbox"})


@require_POST
@console_page(Permission.APPROVALS_DECIDE)
def approval_decide(request: HttpRequest, actor: Actor, approval_id: str) -> HttpResponse:
    """Approve once, approve for an hour, deny with a note, or take an approval back."""
    identifier = path_id(IdKind.APPROVAL, approval_id)
    note, verb = request.POST.get("note", ""), request.POST.get("decision", "")
    try:
        said = _decide(actor, identifier, verb=verb, note=note)
    except NotFoundError:
        raise
    except ServiceError as error:
        # What was not done is said where it was asked for; what is true by now is shown.
        say(request, error.message, failed=True)
    else:
        say(request, said)
    view = request.POST.get("view", "waiting")
    view = view if view in VIEWS else "waiting"
    return redirect_to(request, f"{reverse('verification:approval-inbox')}?view={view}")


def _decide(actor: Actor, identifier: Any, *, verb: str, note: str) -> str:
    match verb:
        case "deny":
            approval = deny_request(actor, identifier, note=note)
        case "withdraw":
            approval = withdraw_approval(actor, identifier, note=note)
        case "hour":
            approval = approve_request(actor, identifier, terms=Terms(ApprovalVote.Mode.FOR, HOUR), note=note)
        case _:
            approval = approve_request(actor, identifier, note=note)
    return {
        Approval.Status.APPROVED: _("Approved. The agent learns it within a second."),
        Approval.Status.DENIED: _("Denied. The agent is told the note."),
        Approval.Status.PENDING: _("Your voice counts. Others must agree as well."),
        Approval.Status.WITHDRAWN: _("The approval is taken back."),
    }.get(Approval.Status(approval.status), _("The request has ended meanwhile."))


@require_POST
@console_page(Permission.APPROVALS_RESOLVE)
def deadlock_resolve(request: HttpRequest, actor: Actor, deadlock_id: str) -> HttpResponse:
    """Break a circle of waiting agents as suggested."""
    try:
        resolve_deadlock(actor, path_id(IdKind.DEADLOCK, deadlock_id))
    except NotFoundError:
        raise
    except ServiceError as error:
        say(request, error.message, failed=True)
    else:
        say(request, _("The circle is broken: the suggested approval is given."))
    return redirect_to(request, "verification:approval-inbox")
