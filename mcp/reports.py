"""Crypto reports as people and programs ask for them and find them again."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.errors import NotFoundError
from aim.reports.making import ask_report
from aim.reports.models import Report
from mcp.crypto_report import CRYPTO_REPORT
from mcp.models import McpServer


def ask_crypto_report(actor: Actor, server: McpServer, *, sections: Sequence[str], form: str) -> Report:
    """Have it made of the chosen sections, in the form of `Report.Form`; a worker does, and `progress` says how far."""
    actor.require(Permission.MCP_REPORT)
    return ask_report(
        CRYPTO_REPORT.name,
        organization_id=server.organization_id,
        subject_id=server.id,
        form=form,
        options={"sections": list(sections)},
        asked_by_id=actor.id,
        asked_by=actor.label,
    )


def crypto_reports_visible_to(actor: Actor) -> QuerySet[Report]:
    """Of the actor's organization, newest first, without their content."""
    if actor.organization_id is None or not actor.may(Permission(CRYPTO_REPORT.permission)):
        return Report.objects.none()
    rows = Report.objects.filter(organization_id=actor.organization_id, kind=CRYPTO_REPORT.name)
    return rows.exclude(subject_id=None).defer("content")


def crypto_report_by_id(actor: Actor, report_id: UUID) -> Report:
    """Raises the same `NotFoundError` for an unknown report and for another organization's."""
    report = crypto_reports_visible_to(actor).filter(id=report_id).first()
    if report is None:
        raise NotFoundError
    return report
