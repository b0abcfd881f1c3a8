"""The door of every page: signed in, the one-time password replaced, the membership alive, the permission held."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.actors import person_actor
from accounts.contracts import Actor
from accounts.errors import PermissionDeniedError
from accounts.models import Membership, User
from accounts.permissions import Permission
from accounts.sessions import CREDENTIAL, address_of, session_membership
from aim.errors import NotFoundError

Page = Callable[..., HttpResponseBase]
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Who looks at the page, kept on the request for the frame around it."""

    actor: Actor
    membership: Membership


def console_page(permission: Permission) -> Callable[[Page], View]:
    """Make `page(request, actor, **ids)` a view for people who hold the permission; others are sent to sign in.

    While it runs, times are those of the organization's zone. What the person may not see is the same 404 as what does
    not exist.
    """

    def decorate(page: Page) -> View:
        @never_cache
        @wraps(page)
        def view(request: HttpRequest, **ids: Any) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _to_login(request)
            if request.user.must_change_password:
                return redirect("accounts:password")
            membership = session_membership(request)
            if membership is None:
                # The membership ended while the person was signed in, and the session ends with it.
                logout(request)
                return _to_login(request)
            actor = person_actor(membership, credential=CREDENTIAL, address=address_of(request.META))
            request.console = ConsoleSession(actor, membership)  # type: ignore[attr-defined]
            if not actor.may(permission):
                raise PermissionDenied
            with timezone.override(ZoneInfo(membership.organization.timezone)):
                try:
                    return page(request, actor, **ids)
                except NotFoundError:
                    raise Http404 from None
                except PermissionDeniedError:
                    raise PermissionDenied from None

        view.permission = permission  # type: ignore[attr-defined]
        return view

    return decorate


def _to_login(request: HttpRequest) -> HttpResponse:
    """A part of a page that asks without a session must not get the sign-in page in its place."""
    htmx: Any = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path())
    back = redirect_to_login(htmx.current_url_abs_path or "/")
    return HttpResponse(status=401, headers={"HX-Redirect": back.headers["Location"]})
