"""What people need of an admin, and the first steps with them."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.selectors import invitations_visible_to, memberships_visible_to
from aim.console.needs import Need, StartStep, need_source, start_step
from aim.console.viewer import Viewer
from aim.mail.models import OutgoingMail


@need_source
def invitations_that_did_not_arrive(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.MEMBERS_WRITE):
        return
    mine = invitations_visible_to(viewer).filter(accepted_at=None, revoked_at=None)
    if count := mine.filter(mail__status=OutgoingMail.Status.FAILED).count():
        title = ngettext("%(n)d invitation did not arrive", "%(n)d invitations did not arrive", count) % {"n": count}
        yield Need(
            title,
            _("The mail server refused the address"),
            reverse("accounts:members"),
            _("Look"),
            "mail-warning",
            "pending",
            count,
            40,
        )


@start_step
def sign_in(viewer: Viewer) -> StartStep | None:
    """Whoever sees the list has done this one."""
    return StartStep(10, _("Sign in complete"), reverse("accounts:account"), done=isinstance(viewer, Actor))


@start_step
def invite_team_members(viewer: Viewer) -> StartStep | None:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.MEMBERS_WRITE):
        return None
    done = invitations_visible_to(viewer).exists() or memberships_visible_to(viewer)[1:2].exists()
    return StartStep(20, _("Invite team members"), f"{reverse('accounts:members')}?invite", done)
