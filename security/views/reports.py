"""Reports of suspicious behaviour: made beside an agent or a decision, and decided by those who handle them."""

from collections.abc import Callable, Mapping
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from agents.selectors import agent_by_id
from aim.api.path_ids import path_id
from aim.console.lists import Order, keyset_page
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import Step, say
from aim.errors import ConflictError, InvalidInputError, NotFoundError
from aim.ids import IdKind
from security.forms import DecisionForm, ReportForm
from security.models import UNDECIDED, Report
from security.selectors import report_by_id, reports_visible_to
from security.services.reports import dismiss_report, escalate_report, report_behaviour, suspend_reported_agent
from verification.models import Verification
from verification.selectors import verifications_visible_to

TONES = {"low": "info", "medium": "pending", "high": "denied", "critical": "critical"}
STATE_TONES = {"open": "pending", "escalated": "critical", "dismissed": "muted", "acted_on": "allowed"}
_NEWEST_FIRST = Order("newest", "id", descending=True)
_DECISIONS: Mapping[str, tuple[Callable[..., Report], Promise]] = {
    "dismiss": (dismiss_report, gettext_lazy("The report is dismissed.")),
    "escalate": (escalate_report, gettext_lazy("The report is escalated: everybody who handles reports is told.")),
    "suspend": (suspend_reported_agent, gettext_lazy("The agent is suspended, and the report is closed with it.")),
}


@require_safe
@console_page(Permission.REPORTS_MAKE)
def reports(request: HttpRequest, actor: Actor) -> HttpResponse:
    rows, only_undecided = reports_visible_to(actor), "all" not in request.GET
    waiting = rows.filter(status__in=UNDECIDED).count()
    shown = rows.filter(status__in=UNDECIDED) if only_undecided else rows
    page = keyset_page(shown, _NEWEST_FIRST, request.GET, total=shown.count())
    here = reverse("security:reports")
    tabs = [
        {"label": _("To be decided"), "url": here, "current": only_undecided, "count": waiting},
        {"label": _("All"), "url": f"{here}?all", "current": not only_undecided, "count": None},
    ]
    context = {
        "page": page,
        "rows": [(row, TONES[row.severity], STATE_TONES[row.status]) for row in page.rows],
        "tabs": tabs,
        "may_handle": actor.may(Permission.REPORTS_HANDLE),
    }
    return render_page(request, "security/report_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.REPORTS_MAKE)
def report_new(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?agent=agt_…` or `?verification=ver_…` say what it is about."""
    agent, verification = _about(request, actor)
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = report_behaviour(
                actor, agent_id=agent.id, verification_id=verification.id if verification else None, **form.cleaned_data
            )
        except (InvalidInputError, ConflictError) as error:
            form.add_error(None, error.message)
        else:
            url = reverse("security:report", args=[row.public_id])
            say(request, _("Your report is sent. You are told what becomes of it."), step=Step(_("Look"), url))
            return redirect_to(request, "agents:agent-detail", agent.public_id)
    context = {"form": form, "agent": agent, "verification": verification, "action": request.get_full_path()}
    status = 422 if form.errors else 200
    return render_page(request, "security/report_new.html", context, fragments={"dialog": "dialog"}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.REPORTS_MAKE, change=Permission.REPORTS_HANDLE)
def report_page(request: HttpRequest, actor: Actor, report_id: str) -> HttpResponse:
    """One report. Posted to with `go`, it is decided."""
    row = report_by_id(actor, path_id(IdKind.REPORT, report_id))
    form, status = DecisionForm(request.POST or None), 200
    if request.method == "POST":
        service, words = _DECISIONS.get(request.POST.get("go", ""), (None, None))
        if service is None:
            raise NotFoundError
        if form.is_valid():
            try:
                service(actor, row.id, note=form.cleaned_data["note"])
            except (ConflictError, InvalidInputError) as error:
                form.add_error("note", error.message)
            else:
                say(request, str(words))
                return redirect_to(request, "security:report", row.public_id)
        status = 422
    context = {
        "row": row,
        "tone": TONES[row.severity],
        "state_tone": STATE_TONES[row.status],
        "form": form,
        "may_decide": row.is_undecided and actor.may(Permission.REPORTS_HANDLE),
        "may_suspend": row.agent.status in {"pending", "verified"} and actor.may(Permission.AGENTS_LIFECYCLE),
    }
    return render_page(request, "security/report_page.html", context, status=status)


def _about(request: HttpRequest, actor: Actor) -> tuple[Agent, Verification | None]:
    if text := request.GET.get("verification"):
        verification = verifications_visible_to(actor).filter(id=path_id(IdKind.VERIFICATION, text)).first()
        if verification is None:
            raise NotFoundError
        return agent_by_id(actor, UUID(str(verification.agent_id))), verification
    return agent_by_id(actor, path_id(IdKind.AGENT, request.GET.get("agent", ""))), None
