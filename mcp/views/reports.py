"""The crypto report from a server's page: asked for, followed while it is made, fetched."""

from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.downloads import file_response
from aim.console.fragments import DIALOG
from aim.console.pages import redirect_to, render_page, retarget
from aim.errors import NotFoundError
from aim.ids import IdKind
from aim.reports.models import Report, SigningCertificate
from mcp.crypto_report import SECTIONS
from mcp.fragments import REPORT
from mcp.reports import ask_crypto_report, crypto_report_by_id, crypto_reports_visible_to
from mcp.selectors import server_by_id

_LISTED = 10


class CryptoReportForm(forms.Form):
    sections = forms.MultipleChoiceField(
        label=_("Report sections"),
        choices=[(name, label) for name, label in SECTIONS.items()],
        initial=list(SECTIONS),
        error_messages={"required": _("Choose at least one section.")},
    )
    # Not `form`: a control of that name hides the property by which scripts find the form of another.
    format = forms.ChoiceField(label=_("Format"), choices=Report.Form.choices, initial=Report.Form.PDF)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_READ, change=Permission.MCP_REPORT)
def server_report(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """Who may see the server finds the reports that were made; to have one made takes a permission of its own."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    form = CryptoReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sections = form.cleaned_data["sections"]
        report = ask_crypto_report(actor, server, sections=sections, form=form.cleaned_data["format"])
        if not getattr(request, "htmx", None):
            return redirect_to(request, "mcp:report-progress", report.public_id)
        return _progress(request, actor, report)
    chosen = form["sections"].value() or []
    context = {
        "server": server,
        "form": form,
        "may_ask": actor.may(Permission.MCP_REPORT),
        "sections": [(name, label, name in chosen) for name, label in SECTIONS.items()],
        "reports": crypto_reports_visible_to(actor).filter(subject_id=server.id)[:_LISTED],
    }
    status = 422 if form.errors else 200
    return render_page(request, "mcp/server_report.html", context, fragments={"dialog": "dialog"}, status=status)


@require_safe
@console_page(Permission.MCP_READ)
def report_progress(request: HttpRequest, actor: Actor, report_id: str) -> HttpResponse:
    return _progress(request, actor, crypto_report_by_id(actor, path_id(IdKind.REPORT_FILE, report_id)))


@require_safe
@console_page(Permission.MCP_READ)
def report_file(request: HttpRequest, actor: Actor, report_id: str) -> HttpResponse:  # noqa: ARG001 - one file
    report = crypto_report_by_id(actor, path_id(IdKind.REPORT_FILE, report_id))
    if report.state != Report.State.DONE or report.content is None:
        raise Http404
    return file_response(bytes(report.content), report.file_name, report.content_type)


@require_safe
@console_page(Permission.MCP_READ)
def signing_authority(request: HttpRequest, actor: Actor) -> HttpResponse:  # noqa: ARG001 - one file
    """The certificate that a reader of PDF must be told to trust, once, to check this organization's reports."""
    row = SigningCertificate.objects.filter(organization_id=_scope(actor)).first()
    if row is None:
        raise Http404
    return file_response(row.authority_pem.encode(), "aim-signing-authority.pem", "application/x-pem-file")


def _progress(request: HttpRequest, actor: Actor, report: Report) -> HttpResponse:
    if report.subject_id is None:
        raise Http404
    server = server_by_id(actor, report.subject_id)
    context = {
        "server": server,
        "report": report,
        "may_ask": actor.may(Permission.MCP_REPORT),
        "again": reverse("mcp:server-report", args=[server.public_id]),
        "bytes": len(bytes(report.content)) if report.content is not None else 0,
    }
    parts = {"dialog": "dialog", REPORT: "progress"}
    response = render_page(request, "mcp/report_progress.html", context, fragments=parts)
    return retarget(response, DIALOG) if request.method == "POST" else response


def _scope(actor: Actor) -> UUID:
    if actor.organization_id is None:
        raise NotFoundError
    return actor.organization_id
