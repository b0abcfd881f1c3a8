"""The door of every page: signed in, nothing owed first, the membership alive, the permission held."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from accounts.contracts import Actor
from accounts.errors import PermissionDeniedError, ProofRequiredError
from accounts.models import Membership, User, UserSession
from accounts.permissions import Permission
from accounts.sessions import Obligation, actor_of, address_of, obligation_of, session_of
from aim.errors import NotFoundError

Page = Callable[..., HttpResponseBase]
View = Callable[..., HttpResponseBase]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DUTIES = {
    Obligation.CHANGE_PASSWORD: "accounts:password",
    Obligation.ADD_SECOND_FACTOR: "accounts:second-factor-add",
}


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Who looks at the page, kept on the request for the frame around it."""

    actor: Actor
    membership: Membership
    session: UserSession


@dataclass(frozen=True, slots=True)
class PageAccess:
    """Who may open a page: the permission for all of it, one more to post to it, and one for a verb in its address.

    `secret` says that it may show what is shown once.
    """

    permission: Permission
    change: Permission | None = None
    verbs: Mapping[str, Permission] = field(default_factory=dict)
    secret: bool = False

    def wanted(self, method: str, verb: str | None = None) -> frozenset[Permission]:
        """All that a request must hold. A page that declares verbs knows no others, and raises `NotFoundError`."""
        if self.verbs and verb not in self.verbs:
            raise NotFoundError
        posted = self.change if method not in _SAFE else None
        return frozenset(one for one in (self.permission, posted, self.verbs.get(verb or "")) if one is not None)


def console_page(
    permission: Permission,
    *,
    change: Permission | None = None,
    verbs: Mapping[str, Permission] | None = None,
    secret: bool = False,
) -> Callable[[Page], View]:
    """Make `page(request, actor, **ids)` a view for people who hold the permission; others are sent to sign in.

    Whoever posts to it needs `change` as well; where its address has a `verb`, that of `verbs` as well. All of it
    stands on the view as its `access`, and nothing is judged before it.

    A page that may show a key, a code or a link once says `secret`: no browser keeps it, while all others may be shown
    again in Offline Mode.

    While it runs, times are those of the organization's zone. What the person may not see is the same 404 as what does
    not exist. A critical change in a session that was left open asks for a proof first, and then for the change again.
    """
    access = PageAccess(permission, change, verbs or {}, secret)

    def decorate(page: Page) -> View:
        @never_cache
        @wraps(page)
        def view(request: HttpRequest, **ids: Any) -> HttpResponseBase:
            session = session_of(request)
            duty = obligation_of(session) if session else None
            if session is None or duty == Obligation.SIGN_IN_AGAIN:
                return leave(request)
            if duty is not None:
                return redirect(_DUTIES[duty])
            actor = actor_of(session, address_of(request.META))
            request.console = ConsoleSession(actor, session.membership, session)  # type: ignore[attr-defined]
            with timezone.override(ZoneInfo(session.membership.organization.timezone)):
                try:
                    for wanted in access.wanted(request.method or "", ids.get("verb")):
                        actor.require(wanted)
                    response = page(request, actor, **ids)
                except NotFoundError:
                    raise Http404 from None
                except PermissionDeniedError:
                    raise PermissionDenied from None
                except ProofRequiredError:
                    return to_proof(request)
            if request.method == "GET" and response.status_code == HTTPStatus.OK and not secret:
                response["AIM-Offline"] = "keep"
            return response

        view.access = access  # type: ignore[attr-defined]
        return view

    return decorate


def leave(request: HttpRequest) -> HttpResponse:
    """The session has ended, or its organization demands more than it was; what is left of it in the browser goes."""
    if isinstance(request.user, User):
        logout(request)
    return to_login(request)


def console_of(request: HttpRequest) -> ConsoleSession:
    """Who looks at the page, within a view of `console_page`."""
    console = getattr(request, "console", None)
    assert isinstance(console, ConsoleSession)
    return console


def to_login(request: HttpRequest) -> HttpResponse:
    """A part of a page that asks without a session must not get the sign-in page in its place.

    What somebody wanted to *do* is kept in the page: it asks them to sign in again, and then whether to go on.
    """
    htmx: Any = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path() if request.method == "GET" else _came_from(request))
    if request.method == "POST":
        return HttpResponse(status=401, headers={"AIM-Session": "expired"})
    back = redirect_to_login(htmx.current_url_abs_path or "/")
    return HttpResponse(status=401, headers={"HX-Redirect": back.headers["Location"]})


def to_proof(request: HttpRequest) -> HttpResponse:
    """The page that asks who is sitting there, and leads back to where the change was asked for."""
    htmx: Any = getattr(request, "htmx", None)
    back = (htmx.current_url_abs_path if htmx else None) or _came_from(request)
    address = f"{reverse('accounts:prove')}?{urlencode({'next': back})}"
    if htmx:
        return HttpResponse(status=403, headers={"HX-Redirect": address})
    return redirect(address)


def _came_from(request: HttpRequest) -> str:
    """The page with the form, by the Referer of our own origin; the address of a change cannot be opened by itself."""
    origin = f"{request.scheme}://{request.get_host()}"
    referrer = request.headers.get("Referer", "")
    return referrer.removeprefix(origin) if referrer.startswith(f"{origin}/") else request.path
