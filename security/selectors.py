"""All reads of reports: those who handle them see all, others their own."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor, ActorKind
from accounts.permissions import Permission
from aim.errors import NotFoundError
from security.models import UNDECIDED, Report


def reports_visible_to(actor: Actor) -> QuerySet[Report]:
    """Newest first. What an actor may not see is not there."""
    if actor.kind is not ActorKind.PERSON or not actor.may(Permission.REPORTS_MAKE):
        return Report.objects.none()
    rows = Report.objects.filter(organization_id=actor.scope)
    if not actor.may(Permission.REPORTS_HANDLE):
        rows = rows.filter(reported_by_id=actor.self_id)
    return rows.select_related("reported_by", "decided_by", "agent").order_by("-id")


def undecided_reports(actor: Actor) -> int:
    """How many of `reports_visible_to` wait for a word, for those who handle them: asked at every page."""
    if not actor.may(Permission.REPORTS_HANDLE):
        return 0
    return reports_visible_to(actor).filter(status__in=UNDECIDED).count()


def report_by_id(actor: Actor, report_id: UUID) -> Report:
    try:
        return reports_visible_to(actor).get(id=report_id)
    except Report.DoesNotExist:
        raise NotFoundError from None


def locked_report(actor: Actor, report_id: UUID) -> Report:
    """The row, locked until the transaction ends; raises `NotFoundError`."""
    report_by_id(actor, report_id)
    return Report.objects.select_for_update(of=("self",)).select_related("agent").get(id=report_id)
