"""The renewal of a certificate in one go: upload what AIM holds of it, verify the server again, use it again."""

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.pages import render_page
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from mcp.configuration import MAX_CERTIFICATE
from mcp.models import AuthMethod, Certificate, McpServer, VerificationRun
from mcp.selectors import server_by_id
from mcp.services.credentials import set_credential
from mcp.services.registration import update_server
from mcp.services.runs import start_run
from mcp.views.runs import to_run


class RenewalForm(forms.Form):
    ca_certificate = forms.CharField(
        label=_("CA certificate"), required=False, max_length=MAX_CERTIFICATE, strip=False, widget=forms.Textarea
    )
    certificate = forms.CharField(
        label=_("AIM’s new client certificate"), required=False, max_length=MAX_CERTIFICATE, widget=forms.Textarea
    )
    private_key = forms.CharField(
        label=_("Its private key"), required=False, max_length=MAX_CERTIFICATE, widget=forms.Textarea
    )

    def clean(self) -> None:
        given = self.cleaned_data
        for one, other in (("certificate", "private_key"), ("private_key", "certificate")):
            if given.get(one) and not given.get(other):
                self.add_error(other, gettext("The certificate and its private key belong together."))


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_renew(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """What is uploaded is kept, and the server is verified with it at once; a good run brings it back."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    form = RenewalForm(request.POST or None, initial={"ca_certificate": server.ca_certificate})
    if request.method == "POST" and form.is_valid():
        try:
            run = _renew(actor, server, form)
        except (ConflictError, InvalidInputError) as error:
            for problem in error.problems:
                form.add_error(problem.field if problem.field in form.fields else None, problem.message)
            if not error.problems:
                form.add_error(None, error.message)
        else:
            return to_run(request, actor, server, run)
    context = {
        "server": server,
        "form": form,
        "shows_own": server.auth_method == AuthMethod.MTLS,
        "certificates": list(server.certificates.filter(current=True).order_by("-role")),
        "own": Certificate.Role.CLIENT,
    }
    status = 422 if form.errors else 200
    return render_page(request, "mcp/server_renew.html", context, fragments={"dialog": "dialog"}, status=status)


@transaction.atomic
def _renew(actor: Actor, server: McpServer, form: RenewalForm) -> VerificationRun:
    """Together, so that no worker begins before all of it is in place."""
    given = form.cleaned_data
    authority = given["ca_certificate"].replace("\r\n", "\n")
    if authority.strip() != server.ca_certificate.strip():
        update_server(actor, server.id, changes={"ca_certificate": authority})
    if given["certificate"] and server.auth_method == AuthMethod.MTLS:
        fields = {"certificate": given["certificate"], "private_key": given["private_key"]}
        set_credential(actor, server.id, method=AuthMethod.MTLS, fields=fields)
    # What was begun by that is answered again.
    purpose, trigger = VerificationRun.Purpose.VERIFICATION, VerificationRun.Trigger.RENEWAL
    return start_run(actor, server.id, purpose=purpose, trigger=trigger)
