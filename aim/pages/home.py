"""The way in: the address of the product leads to the console. Wiring above the apps, like `aim.urls`."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.navigation import entries_for


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def home(_request: HttpRequest, _actor: Actor) -> HttpResponse:
    return redirect("dashboard")


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def dashboard(_request: HttpRequest, actor: Actor) -> HttpResponse:
    """The first page of the navigation that the person may open."""
    return redirect(entries_for(actor)[0].url_name)
