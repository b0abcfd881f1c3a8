"""Registrations from a file that the console has exported."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.services.imports import import_registrations
from aim.console.pages import render_page
from aim.errors import InvalidInputError

_LARGEST = 1_000_000


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_WRITE)
def agent_import(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Each agent's API key is shown this once, as after the wizard."""
    problem, results = "", []
    upload = request.FILES.get("file")
    if request.method == "POST":
        try:
            text = upload.read(_LARGEST + 1) if upload else b""
            if not text or len(text) > _LARGEST:
                problem = _("Choose the file that was exported, of at most 1 MB.")
            else:
                results = import_registrations(actor, text.decode("utf-8"))
        except UnicodeDecodeError:
            problem = _("This is no text.")
        except InvalidInputError as error:
            problem = error.message
    context = {"problem": problem, "results": results, "origin": settings.ORIGIN}
    return render_page(request, "agents/agent_import.html", context, status=422 if problem else 200)
