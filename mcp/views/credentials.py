"""How AIM authenticates itself to a server: set, replaced or removed from its page, and never shown again."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from mcp.credentials import FIELDS, OPTIONAL, SECRET
from mcp.models import AuthMethod
from mcp.registration_form import UPLOADS, credential_fields, credential_of
from mcp.selectors import server_by_id
from mcp.services.credentials import remove_credential, set_credential
from mcp.views.runs import to_run


class CredentialForm(forms.Form):
    auth_method = forms.ChoiceField(label=_("Authentication Method"), choices=AuthMethod.choices)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields.update(credential_fields())


def shown_methods(form: forms.Form) -> list[dict[str, Any]]:
    """Each method with its fields, for the template."""
    return [
        {
            "name": method,
            "label": AuthMethod(method).label,
            "fields": [
                {
                    "bound": form[f"{method}_{name}"],
                    "secret": name in SECRET,
                    "upload": name in UPLOADS,
                    "optional": name in OPTIONAL,
                }
                for name in names
            ],
        }
        for method, names in FIELDS.items()
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_WRITE)
def server_credential(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    """With a method it is set, and the server examined with it at once; with `none` it is removed."""
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    form = CredentialForm(request.POST or None, initial={"auth_method": server.auth_method})
    if request.method == "POST" and form.is_valid():
        method = form.cleaned_data["auth_method"]
        try:
            fields = credential_of(method, form.cleaned_data)
            if fields is None:
                remove_credential(actor, server.id)
                say(request, gettext("The credential is removed. AIM authenticates by nothing from now on."))
                return redirect_to(
                    request, f"{reverse('mcp:server-detail', args=[server.public_id])}?tab=configuration"
                )
            set_credential(actor, server.id, method=method, fields=fields)
        except (ConflictError, InvalidInputError) as error:
            for problem in error.problems:
                name = f"{method}_{problem.field}"
                form.add_error(name if name in form.fields else None, problem.message)
            if not error.problems:
                form.add_error(None, error.message)
        else:
            say(request, gettext("Credential set. It is used from the next connection on."))
            run = server.runs.order_by("-id").first()
            if run is not None:
                return to_run(request, actor, server, run)
            return redirect_to(request, "mcp:server-detail", server.public_id)
    context = {"server": server, "form": form, "methods": shown_methods(form)}
    status = 422 if form.errors else 200
    return render_page(request, "mcp/server_credential.html", context, fragments={"dialog": "dialog"}, status=status)
