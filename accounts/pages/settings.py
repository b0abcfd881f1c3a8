"""The tabs of the settings that describe the organization: itself, its roles, its security."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.fragments import SETTINGS
from accounts.models import Organization, Role
from accounts.permission_words import rights_of_people
from accounts.permissions import ROLE_PERMISSIONS, Permission
from accounts.selectors import logo_of, organization_of
from accounts.services.logos import MOST_BYTES, remove_logo, set_logo
from accounts.services.organization_security import Security, clean_domain
from accounts.services.organizations import update_organization
from accounts.settings_forms import OrganizationForm, SecurityForm
from accounts.sso.providers import configured_providers
from aim.console.pages import redirect_to, render_page
from aim.console.settings_tabs import settings_tabs_for
from aim.console.toasts import say
from aim.errors import ServiceError

LEAST_FIRST = (Role.VIEWER, Role.MEMBER, Role.MANAGER, Role.ADMIN)


@require_http_methods(["GET", "POST"])
@console_page(Permission.ORGANIZATION_READ, change=Permission.ORGANIZATION_WRITE)
def organization_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    organization = organization_of(actor)
    known = {"name": organization.name, "timezone": organization.timezone}
    form = OrganizationForm(request.POST or None, request.FILES or None, initial=known)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["logo"]
        try:
            update_organization(actor, name=form.cleaned_data["name"], timezone=form.cleaned_data["timezone"])
            if upload is not None:
                set_logo(actor, upload.read(MOST_BYTES + 1))
        except ServiceError as error:
            _explain(form, error)
        else:
            return saved(request, "accounts:settings")
    return settings_tab(request, actor, "accounts:settings", organization, form=form, logo=logo_of(actor))


@require_POST
@console_page(Permission.ORGANIZATION_WRITE)
def logo_remove(request: HttpRequest, actor: Actor) -> HttpResponse:
    remove_logo(actor)
    return saved(request, "accounts:settings")


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def role_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The table of rights in words: the same that every page and call is checked against."""
    groups = [
        (
            title,
            [
                (words, permission, [permission in ROLE_PERMISSIONS[role] for role in LEAST_FIRST])
                for permission, words in lines
            ],
        )
        for title, lines in rights_of_people()
    ]
    return settings_tab(request, actor, "accounts:roles", organization_of(actor), groups=groups, roles=LEAST_FIRST)


@require_http_methods(["GET", "POST"])
@console_page(Permission.ORGANIZATION_READ, change=Permission.ORGANIZATION_WRITE)
def security_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    organization = organization_of(actor)
    known = {
        "second_factor_required": organization.second_factor_required,
        "sso_only": organization.sso_only,
        "session_hours": organization.session_hours,
        "allowed_domains": "\n".join(organization.allowed_domains),
    }
    form = SecurityForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            security = Security(
                second_factor_required=values["second_factor_required"],
                sso_only=values["sso_only"],
                session_hours=values["session_hours"],
                allowed_domains=sorted({clean_domain(text) for text in values["allowed_domains"]}),
            )
            update_organization(actor, security=security)
        except ServiceError as error:
            if error.code == "proof_required":
                raise
            _explain(form, error)
        else:
            return saved(request, "accounts:security")
    return settings_tab(request, actor, "accounts:security", organization, form=form, providers=configured_providers())


def _explain(form: Any, error: ServiceError) -> None:
    """What the service refuses, beside the field it is about."""
    for problem in error.problems:
        field = problem.field.rpartition(".")[2]
        form.add_error(field if field in form.fields else None, problem.message)
    if not error.problems:
        form.add_error(None, error.message)


def saved(request: HttpRequest, url_name: str) -> HttpResponse:
    """Says so, and shows the page anew."""
    say(request, _("Settings saved successfully"))
    return redirect_to(request, url_name)


def settings_tab(
    request: HttpRequest, actor: Actor, current: str, organization: Organization, **more: Any
) -> HttpResponse:
    """A tab of the settings; a `form` with errors or a `problem` makes it 422. `template` where it has another name."""
    context: Mapping[str, Any] = {
        "tabs": settings_tabs_for(actor, current),
        "organization": organization,
        "may_change": actor.may(Permission.ORGANIZATION_WRITE),
        **more,
    }
    form = more.get("form")
    status = 422 if (form is not None and form.errors) or more.get("problem") else 200
    template = (
        more.get("template")
        or f"accounts/settings_{current.partition(':')[2].replace('settings', 'organization')}.html"
    )
    return render_page(request, template, context, fragments={SETTINGS: "panel"}, status=status)
