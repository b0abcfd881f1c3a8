"""What the worker does for reports; both are harmless when they run twice."""

from uuid import UUID

from celery import shared_task

from aim.reports import making


@shared_task
def make_report(report_id: str) -> None:
    """Make one report, unless somebody has."""
    making.make_report(UUID(hex=report_id))


@shared_task
def tend_reports() -> tuple[int, int, int]:
    """Reports that lost their worker, that wait without one, and that are old."""
    return making.tend_reports()
