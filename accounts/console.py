"""The door of every page: signed in, the one-time password replaced, the membership alive, the permission held."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts.contracts import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.sessions import session_actor

Page = Callable[[HttpRequest, Actor], HttpResponseBase]
View = Callable[[HttpRequest], HttpResponseBase]


def console_page(permission: Permission) -> Callable[[Page], View]:
    """Make `page(request, actor)` a view for people who hold the permission; everybody else is sent to sign in."""

    def decorate(page: Page) -> View:
        @never_cache
        @wraps(page)
        def view(request: HttpRequest) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return redirect_to_login(request.get_full_path())
            if request.user.must_change_password:
                return redirect("accounts:password")
            actor = session_actor(request)
            if actor is None:
                # The membership ended while the person was signed in, and the session ends with it.
                logout(request)
                return redirect_to_login(request.get_full_path())
            if not actor.may(permission):
                raise PermissionDenied
            return page(request, actor)

        return view

    return decorate
