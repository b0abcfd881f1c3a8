"""The end of signing in again in a window of its own: it tells the page that waits, and closes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def signed_in(request: HttpRequest, _actor: Actor) -> HttpResponse:
    return render(request, "console/signed_in.html")
