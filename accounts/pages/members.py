"""Members and teams: who is here, who is invited, and every change of it."""

from typing import Any
from uuid import UUID

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.models import Membership, Role
from accounts.pages.invitations import open_rows
from accounts.permissions import Permission
from accounts.selectors import (
    membership_by_user,
    memberships_visible_to,
    organization_of,
    sessions_visible_to,
    team_by_id,
    teams_visible_to,
    users_with_second_factor,
)
from accounts.services.members import change_role, remove_member, reset_sign_in, transfer_ownership
from accounts.services.sessions import end_member_sessions
from accounts.services.teams import add_team_member, create_team, delete_team, remove_team_member, rename_team
from accounts.settings_forms import HeirForm, RoleForm, TeamForm
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.settings_tabs import settings_tabs_for
from aim.console.toasts import say
from aim.errors import ServiceError
from aim.ids import IdKind

_ROW = 100


@require_safe
@console_page(Permission.MEMBERS_READ)
def member_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    may_change = actor.may(Permission.MEMBERS_WRITE)
    members = memberships_visible_to(actor).order_by("user__email").prefetch_related("teams")
    seen = members.annotate(seen_at=Max("sessions__seen_at"))
    context = {
        "tabs": settings_tabs_for(actor, "accounts:members"),
        "organization": organization_of(actor),
        "members": seen,
        "secured": users_with_second_factor(actor),
        "me": actor.id,
        "roles": Role.choices,
        "invitations": open_rows(actor) if may_change else [],
        "teams": teams_visible_to(actor).order_by("name"),
        "team_form": TeamForm(),
        "may_change": may_change,
        "may_change_teams": actor.may(Permission.TEAMS_WRITE),
        "invite": "invite" in request.GET and may_change,
    }
    return render_page(request, "accounts/settings_members.html", context)


@require_safe
@console_page(Permission.MEMBERS_WRITE)
def member_page(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    """One member, with every change that an admin may make."""
    return _member(request, actor, membership_by_user(actor, path_id(IdKind.USER, user_id)))


@require_POST
@console_page(Permission.MEMBERS_WRITE)
def member_role(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    membership = membership_by_user(actor, path_id(IdKind.USER, user_id))
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _member(request, actor, membership, problem=_("Choose one of the roles."))
    try:
        changed = change_role(
            actor,
            membership.user_id,
            organization_id=membership.organization_id,
            role=Role(form.cleaned_data["role"]),
        )
    except ServiceError as error:
        return _member(request, actor, membership, problem=error.message)
    words = _("%(email)s is %(role)s now.")
    say(request, words % {"email": changed.user.email, "role": changed.get_role_display()})
    return redirect_to(request, "accounts:members")


@require_POST
@console_page(Permission.MEMBERS_WRITE)
def member_sessions_end(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    membership = membership_by_user(actor, path_id(IdKind.USER, user_id))
    count = end_member_sessions(actor, membership)
    say(request, ngettext("%(n)d session ended.", "%(n)d sessions ended.", count) % {"n": count})
    return redirect_to(request, "accounts:member", membership.user.public_id)


@require_http_methods(["GET", "POST"])
@console_page(Permission.MEMBERS_WRITE)
def member_remove(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    """Asks what becomes of the member's agents, and ends everything that the membership allowed."""
    membership = membership_by_user(actor, path_id(IdKind.USER, user_id))
    form, problem = HeirForm(request.POST or None, members=_others(actor, membership)), ""
    if request.method == "POST" and form.is_valid():
        try:
            _remove(actor, membership, form.cleaned_data["to"])
        except ServiceError as error:
            problem = error.message
        else:
            say(request, _("%(email)s is no longer a member.") % {"email": membership.user.email})
            return redirect_to(request, "accounts:members")
    context = {"membership": membership, "form": form, "problem": problem}
    return _dialog(request, "accounts/member_remove.html", context, failed=bool(problem or form.errors))


@require_http_methods(["GET", "POST"])
@console_page(Permission.MEMBERS_WRITE)
def member_transfer(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    membership = membership_by_user(actor, path_id(IdKind.USER, user_id))
    form = HeirForm(request.POST or None, members=_others(actor, membership), needed=True)
    if request.method == "POST" and form.is_valid():
        heir = path_id(IdKind.USER, form.cleaned_data["to"])
        count = transfer_ownership(actor, membership.user_id, to_user_id=heir)
        say(request, ngettext("%(n)d agent handed over.", "%(n)d agents handed over.", count) % {"n": count})
        return redirect_to(request, "accounts:member", membership.user.public_id)
    context = {"membership": membership, "form": form}
    return _dialog(request, "accounts/member_transfer.html", context, failed=bool(form.errors))


@require_http_methods(["GET", "POST"])
@console_page(Permission.MEMBERS_WRITE, secret=True)
def member_reset(request: HttpRequest, actor: Actor, user_id: str) -> HttpResponse:
    membership, password, problem = membership_by_user(actor, path_id(IdKind.USER, user_id)), "", ""
    actor.require_fresh()
    if request.method == "POST":
        try:
            password = reset_sign_in(actor, membership.user_id, organization_id=membership.organization_id)
        except ServiceError as error:
            problem = error.message
    context = {"membership": membership, "password": password, "problem": problem}
    return _dialog(request, "accounts/member_reset.html", context, failed=bool(problem))


@require_POST
@console_page(Permission.TEAMS_WRITE)
def team_create(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = TeamForm(request.POST)
    if not form.is_valid():
        say(request, _("A team needs a name of up to 200 characters."), failed=True)
        return redirect_to(request, "accounts:members")
    return _team_change(request, lambda: create_team(actor, form.cleaned_data["name"]), _("Team made."))


@require_POST
@console_page(Permission.TEAMS_WRITE)
def team_rename(request: HttpRequest, actor: Actor, team_id: str) -> HttpResponse:
    team = team_by_id(actor, path_id(IdKind.TEAM, team_id))
    form = TeamForm(request.POST)
    if not form.is_valid():
        say(request, _("A team needs a name of up to 200 characters."), failed=True)
        return redirect_to(request, "accounts:members")
    return _team_change(
        request, lambda: rename_team(actor, team.id, name=form.cleaned_data["name"]), _("Team renamed.")
    )


@require_POST
@console_page(Permission.TEAMS_WRITE)
def team_remove(request: HttpRequest, actor: Actor, team_id: str) -> HttpResponse:
    team = team_by_id(actor, path_id(IdKind.TEAM, team_id))
    return _team_change(request, lambda: delete_team(actor, team.id), _("Team deleted."))


@require_POST
@console_page(Permission.TEAMS_WRITE)
def team_member_change(request: HttpRequest, actor: Actor, team_id: str) -> HttpResponse:
    """`add` or `remove` names the person."""
    team = team_by_id(actor, path_id(IdKind.TEAM, team_id))
    if "remove" in request.POST:
        gone = path_id(IdKind.USER, request.POST["remove"])
        return _team_change(request, lambda: remove_team_member(actor, team.id, user_id=gone), _("Team changed."))
    joining = path_id(IdKind.USER, request.POST.get("add", ""))
    return _team_change(request, lambda: add_team_member(actor, team.id, user_id=joining), _("Team changed."))


def _team_change(request: HttpRequest, change: Any, words: str) -> HttpResponse:
    try:
        change()
    except ServiceError as error:
        say(request, error.message, failed=True)
    else:
        say(request, words)
    return redirect_to(request, "accounts:members")


def _remove(actor: Actor, membership: Membership, heir: str) -> None:
    if heir:
        transfer_ownership(actor, membership.user_id, to_user_id=path_id(IdKind.USER, heir))
    remove_member(actor, membership.user_id, organization_id=membership.organization_id)


def _others(actor: Actor, membership: Membership) -> list[tuple[str, str]]:
    others = memberships_visible_to(actor).exclude(id=membership.id).order_by("user__email")
    return [(other.user.public_id, other.user.email) for other in others]


def _member(request: HttpRequest, actor: Actor, membership: Membership, *, problem: str = "") -> HttpResponse:
    context = {
        "tabs": settings_tabs_for(actor, "accounts:members"),
        "membership": membership,
        "sessions": sessions_visible_to(actor).filter(membership=membership).order_by("-seen_at")[:_ROW],
        "secured": _is_secured(actor, membership.user_id),
        "roles": Role.choices,
        "problem": problem,
        "is_me": membership.user_id == actor.id,
    }
    return render_page(request, "accounts/member.html", context, status=422 if problem else 200)


def _is_secured(actor: Actor, user_id: UUID) -> bool:
    return user_id in users_with_second_factor(actor)


def _dialog(request: HttpRequest, template: str, context: dict[str, Any], *, failed: bool) -> HttpResponse:
    return render_page(request, template, context, fragments={"dialog": "dialog"}, status=422 if failed else 200)
