"""What decisions need of people, and the first steps towards them."""

from collections.abc import Iterator

from django.db.models import Count, Window
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.console.needs import Need, StartStep, need_source, start_step
from aim.console.viewer import Viewer
from verification.approvals.selectors import (
    approvals_visible_to,
    deadlocks_visible_to,
    decidable_by,
)
from verification.models import Policy, PolicyVersion


@need_source
def requests_in_need(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.APPROVALS_DECIDE):
        return
    inbox = reverse("verification:approval-inbox")
    for deadlock in deadlocks_visible_to(viewer).filter(ended_at=None)[:3]:
        yield Need(
            _("Verification deadlock detected"),
            deadlock.suggestion,
            inbox,
            _("Resolve"),
            "refresh-cw-off",
            "denied",
            1,
            5,
        )
    # The one that ends first, and beside it how many there are.
    mine = decidable_by(viewer, approvals_visible_to(viewer)).order_by("expires_at", "pk")
    for action_type, count in mine.annotate(count=Window(Count("pk"))).values_list("action_type", "count")[:1]:
        title = ngettext("%(n)d action waits for you", "%(n)d actions wait for you", count) % {"n": count}
        yield Need(title, action_type, f"{inbox}?view=mine", _("Decide"), "clock-check", "pending", count, 10)


@need_source
def policies_in_need(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.POLICIES_ACTIVATE):
        return
    waiting = Policy.objects.filter(organization_id=viewer.scope).exclude(proposed_change="")
    for policy in waiting.exclude(proposed_by_id=viewer.id)[:5]:
        yield Need(
            _("A policy change waits for a second person"),
            policy.name,
            reverse("verification:policy-detail", args=[policy.public_id]),
            _("Look"),
            "file-check",
            "pending",
            1,
            26,
        )


@start_step
def configure_policies(viewer: Viewer) -> StartStep | None:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.POLICIES_WRITE):
        return None
    active = PolicyVersion.objects.filter(policy__organization_id=viewer.scope, state=PolicyVersion.State.ACTIVE)
    return StartStep(40, _("Configure security policies"), reverse("verification:policy-list"), active.exists())
