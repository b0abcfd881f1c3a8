"""Going on in another organization."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.console import console_of, console_page
from accounts.contracts import Actor
from accounts.errors import SingleSignOnOnlyError
from accounts.permissions import Permission
from accounts.services.sessions import move_session
from accounts.sign_in import show_problem
from aim.api.path_ids import path_id
from aim.ids import IdKind


@require_POST
@console_page(Permission.ORGANIZATION_READ)
def organization_switch(request: HttpRequest, actor: Actor) -> HttpResponse:
    """An organization that the person is a member of. Any other id is one that does not exist."""
    wanted = path_id(IdKind.ORGANIZATION, request.POST.get("organization", ""))
    try:
        move_session(actor, console_of(request).session, wanted)
    except SingleSignOnOnlyError as error:
        return show_problem(request, error.message)
    return redirect(settings.LOGIN_REDIRECT_URL)
