"""The tab of the alerts: what this person is told of, and what the organization has chosen for everybody."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.alerts import Channel, kinds_by_role, kinds_for, preferences_of, wanted_by
from accounts.console import console_page
from accounts.contracts import Actor
from accounts.models import Membership, Role
from accounts.pages.settings import LEAST_FIRST, saved, settings_tab
from accounts.permissions import Permission
from accounts.selectors import alert_calls_of, alert_webhook_of, membership_by_user, organization_of
from accounts.services.alert_choices import choose_alerts
from accounts.services.alert_webhook import remove_alert_webhook, send_test_alert, set_alert_webhook
from accounts.services.organizations import update_organization
from aim.console.pages import redirect_to
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError, ServiceError
from aim.mail.server import mail_is_configured

CALLS_SHOWN = 8
CHANNELS = {Channel.MAIL: _("Mail"), Channel.NOTIFICATION: _("Notification")}


@require_http_methods(["GET", "POST"])
@console_page(Permission.ORGANIZATION_READ, change=Permission.ORGANIZATION_WRITE)
def alert_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    """A change here is that of the organization, for all who have not chosen for themselves."""
    problem = ""
    if request.method == "POST":
        try:
            update_organization(actor, alerts=_roles(request.POST))
        except ServiceError as error:
            problem = error.message
        else:
            return saved(request, "accounts:alerts")
    return _page(request, actor, problem)


@require_POST
@console_page(Permission.NOTIFICATIONS_OWN)
def own_alerts(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What the person is told of, whatever the organization chose."""
    membership = membership_by_user(actor, actor.self_id)
    ticked = set(request.POST.getlist("own"))
    choose_alerts(
        actor,
        {
            kind.code: {channel: f"{kind.code}:{channel.value}" in ticked for channel in kind.channels}
            for kind in kinds_for(membership)
        },
    )
    return saved(request, "accounts:alerts")


@require_POST
@console_page(Permission.ORGANIZATION_WRITE, secret=True)
def alert_webhook(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Saves, tests or removes the organization's webhook; a new secret is shown once, on the page that answers."""
    try:
        if "remove" in request.POST:
            remove_alert_webhook(actor)
            say(request, gettext("The webhook is removed."))
        elif "test" in request.POST:
            send_test_alert(actor)
            say(request, gettext("A test is on its way. Look below in a few seconds."))
        else:
            url = request.POST.get("url", "").strip()
            secret = set_alert_webhook(actor, url=url, kinds=request.POST.getlist("kind"))
            if secret is not None:
                return _page(request, actor, "", webhook_secret=secret)
            return saved(request, "accounts:alerts")
    except (InvalidInputError, ConflictError) as error:
        words = " ".join(problem.message for problem in error.problems) or error.message
        return _page(request, actor, "", webhook_problem=words)
    return redirect_to(request, "accounts:alerts")


def _page(request: HttpRequest, actor: Actor, problem: str, **more: str) -> HttpResponse:
    organization = organization_of(actor)
    known = _roles(request.POST) if problem else preferences_of(organization)
    rows = [
        (kind, [(role, f"{kind.code}:{role.value}", role.value in known[kind.code]) for role in LEAST_FIRST])
        for kind in kinds_by_role()
    ]
    return settings_tab(
        request,
        actor,
        "accounts:alerts",
        organization,
        rows=rows,
        own=_own(membership_by_user(actor, actor.self_id)),
        channels=CHANNELS.values(),
        roles=LEAST_FIRST,
        mail=mail_is_configured(),
        problem=problem or more.get("webhook_problem", ""),
        webhook=_webhook(request, actor) if actor.may(Permission.ORGANIZATION_WRITE) else None,
        webhook_secret=more.get("webhook_secret", ""),
    )


def _webhook(request: HttpRequest, actor: Actor) -> dict[str, object]:
    """What an admin sees of it: what was typed, where that was refused."""
    row = alert_webhook_of(actor)
    url = request.POST.get("url", row.url if row else "")
    chosen = request.POST.getlist("kind") if "url" in request.POST else row.kinds if row else []
    kinds = [kind for kind in kinds_by_role() if not kind.installation and kind.events]
    return {
        "exists": row is not None,
        "url": url,
        "kinds": [(kind, kind.code in chosen) for kind in kinds],
        "calls": alert_calls_of(actor)[:CALLS_SHOWN],
    }


def _own(membership: Membership) -> list[dict[str, object]]:
    """Each kind with a box a channel, and whether the person differs from the organization."""
    return [
        {
            "kind": kind,
            "differs": kind.code in membership.alert_choices,
            "boxes": [
                (words, f"{kind.code}:{channel.value}", wanted_by(membership, kind, channel), channel in kind.channels)
                for channel, words in CHANNELS.items()
            ],
        }
        for kind in kinds_for(membership)
    ]


def _roles(posted: QueryDict) -> dict[str, list[str]]:
    """Every kind, with the roles whose boxes are ticked; a kind without one is for nobody."""
    ticked = set(posted.getlist("alert"))
    return {
        kind.code: [role.value for role in Role if f"{kind.code}:{role.value}" in ticked] for kind in kinds_by_role()
    }
