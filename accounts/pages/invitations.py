"""Inviting people from the console: the dialog, what became of each mail, again and revoke."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.fragments import INVITED
from accounts.invitation_states import Delivery, InvitationState, delivery_of, state_of
from accounts.models import Invitation, Role
from accounts.permissions import Permission
from accounts.selectors import invitation_by_id, invitations_visible_to
from accounts.services.invitations import Invited, invite_members, resend_invitation, revoke_invitation
from accounts.settings_forms import InviteForm
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import InvalidInputError, NotFoundError, ServiceError
from aim.ids import IdKind
from aim.mail.server import mail_is_configured

_MOST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """An invitation with what is known of its mail; `link` only right after it was made, without a mail server."""

    invitation: Invitation
    state: InvitationState
    delivery: Delivery
    link: str = ""


def open_rows(actor: Actor) -> list[Row]:
    """Those that nobody has used or revoked, the newest first."""
    mine = invitations_visible_to(actor).filter(accepted_at=None, revoked_at=None).order_by("-id")[:_MOST]
    return [_row(invitation) for invitation in mine]


@require_http_methods(["GET", "POST"])
@console_page(Permission.MEMBERS_WRITE, secret=True)
def invite_page(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The dialog; after it, what became of each address."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            outcome = invite_members(actor, values["emails"], role=Role(values["role"]), message=values["message"])
        except InvalidInputError as error:
            for problem in error.problems:
                form.add_error("emails", problem.message)
        except ServiceError as error:
            form.add_error(None, error.message)
        else:
            rows = [_row_of(invited) for invited in outcome.made]
            return _result(request, rows, failed=[(failed.email, failed.message) for failed in outcome.failed])
    context = {"form": form, "mail": mail_is_configured()}
    status = 422 if form.errors else 200
    return render_page(request, "accounts/invite.html", context, fragments={"dialog": "dialog"}, status=status)


@require_safe
@console_page(Permission.MEMBERS_WRITE)
def invited_page(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What became of the mails of `id`s: asked again every second until each was answered by the server."""
    ids = [path_id(IdKind.INVITATION, text) for text in request.GET.getlist("id")[:_MOST]]
    rows = [_row(invitation) for invitation in invitations_visible_to(actor).filter(id__in=ids).order_by("id")]
    if not rows:
        raise NotFoundError
    return _result(request, rows, failed=[])


@require_POST
@console_page(Permission.MEMBERS_WRITE, secret=True)
def invitation_resend(request: HttpRequest, actor: Actor, invitation_id: str) -> HttpResponse:
    known = invitation_by_id(actor, path_id(IdKind.INVITATION, invitation_id))
    try:
        invited = resend_invitation(actor, known.id)
    except ServiceError as error:
        say(request, error.message, failed=True)
        return redirect_to(request, "accounts:members")
    if not mail_is_configured():
        return _result(request, [_row_of(invited)], failed=[])
    say(request, _("The invitation to %(email)s is sent again.") % {"email": known.email})
    return redirect_to(request, "accounts:members")


@require_POST
@console_page(Permission.MEMBERS_WRITE)
def invitation_revoke(request: HttpRequest, actor: Actor, invitation_id: str) -> HttpResponse:
    known = invitation_by_id(actor, path_id(IdKind.INVITATION, invitation_id))
    try:
        revoke_invitation(actor, known.id)
    except ServiceError as error:
        say(request, error.message, failed=True)
    else:
        say(request, _("The invitation to %(email)s is revoked.") % {"email": known.email})
    return redirect_to(request, "accounts:members")


def _result(request: HttpRequest, rows: list[Row], *, failed: list[tuple[str, str]]) -> HttpResponse:
    sending = [row for row in rows if row.delivery == Delivery.SENDING]
    refused = [row for row in rows if row.delivery == Delivery.FAILED]
    well = len(rows) - len(refused)
    words = ngettext("Invitations sent to %(n)d team member", "Invitations sent to %(n)d team members", well)
    by_hand = ngettext("%(n)d invitation is ready", "%(n)d invitations are ready", well)
    context = {
        "rows": rows,
        "failed": failed,
        "refused": refused,
        "sending": bool(sending),
        "mail": mail_is_configured(),
        "words": (words if mail_is_configured() else by_hand) % {"n": well} if well else "",
        "ids": [row.invitation.public_id for row in rows],
    }
    fragments = {"dialog": "dialog", INVITED: "result"}
    return render_page(request, "accounts/invited.html", context, fragments=fragments)


def _row(invitation: Invitation) -> Row:
    return Row(invitation, state_of(invitation), delivery_of(invitation))


def _row_of(invited: Invited) -> Row:
    link = "" if mail_is_configured() else invited.link
    return Row(invited.invitation, state_of(invited.invitation), delivery_of(invited.invitation), link)
