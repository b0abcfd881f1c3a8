"""From asking for a report to the file: kept as a row, carried out by a worker once, told of as it goes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from aim import clock
from aim.reports.kinds import Gathered, kind_named
from aim.reports.models import Report
from aim.reports.signing import certificate_for, sign_pdf

log = structlog.get_logger("aim.reports")
LOST_AFTER: Final = timedelta(minutes=10)
KEPT_FOR: Final = timedelta(days=400)
_TOLD_AGAIN_AFTER: Final = timedelta(seconds=20)
# Gathering is most of the work; laying out and signing are the rest.
_GATHERED = 70
_LAID_OUT = 85
_TYPES = {Report.Form.PDF: "application/pdf", Report.Form.JSON: "application/json"}


@transaction.atomic
def ask_report(
    kind: str,
    *,
    organization_id: UUID,
    subject_id: UUID | None,
    form: str,
    options: Mapping[str, Any],
    asked_by_id: UUID | None,
    asked_by: str,
) -> Report:
    """Have a report made. Who may ask is the caller's business."""
    kind_named(kind)
    report = Report.objects.create(
        kind=kind,
        organization_id=organization_id,
        subject_id=subject_id,
        form=Report.Form(form),
        options=dict(options),
        asked_by_id=asked_by_id,
        asked_by=asked_by,
    )
    transaction.on_commit(lambda: tell_worker(report.id))
    return report


def make_report(report_id: UUID) -> Report | None:
    """Make a report that waits; None where nobody waits for it."""
    claimed = Report.objects.filter(id=report_id, state=Report.State.WAITING)
    if not claimed.update(state=Report.State.RUNNING, started_at=clock.now(), progress=1):
        return None
    report = Report.objects.get(id=report_id)
    try:
        _make(report)
    except Exception:
        log.exception("report_broke", report=report_id.hex)
        Report.objects.filter(id=report_id).update(
            state=Report.State.FAILED, error="AIM could not make the report.", finished_at=clock.now()
        )
        raise
    return report


def tend_reports() -> tuple[int, int, int]:
    """Give up what lost its worker, tell workers again of what waits, forget what is old; answers how many of each."""
    now = clock.now()
    lost = Report.objects.filter(state=Report.State.RUNNING, started_at__lt=now - LOST_AFTER).update(
        state=Report.State.FAILED, error="The worker that made it is gone.", finished_at=now
    )
    waiting = Report.objects.filter(state=Report.State.WAITING, created_at__lt=now - _TOLD_AGAIN_AFTER)
    told = list(waiting.values_list("id", flat=True))
    for report_id in told:
        tell_worker(report_id)
    forgotten, _by_model = Report.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    return lost, len(told), forgotten


def tell_worker(report_id: UUID) -> None:
    """Without a broker the report is begun with the next turn of beat."""
    from aim.reports.tasks import make_report as task  # noqa: PLC0415 - the task calls what this module defines

    try:
        task.apply_async((report_id.hex,), retry=False)
    except (OperationalError, OSError):
        return


def _make(report: Report) -> None:
    kind = kind_named(report.kind)

    def tell(percent: int, step: str) -> None:
        _note(report, max(1, percent * _GATHERED // 100), step)

    gathered = kind.gather(report, tell)
    content = _pdf(report, gathered) if report.form == Report.Form.PDF else _json(gathered)
    with transaction.atomic():
        report.content = content
        report.content_type = _TYPES[Report.Form(report.form)]
        report.file_name = f"{gathered.name}-{gathered.document.made_at:%Y-%m-%d}.{report.form}"
        report.sha256 = hashlib.sha256(content).hexdigest()
        report.state, report.progress, report.step = Report.State.DONE, 100, "Ready"
        report.finished_at = clock.now()
        report.save()
        kind.made(report)


def _pdf(report: Report, gathered: Gathered) -> bytes:
    from aim.reports.pdf import lay_out  # noqa: PLC0415 - reportlab takes seconds to import

    _note(report, _GATHERED, "Laying out")
    content = lay_out(gathered.document)
    _note(report, _LAID_OUT, "Signing")
    certificate = certificate_for(report.organization_id, gathered.document.organization)
    return sign_pdf(content, certificate, reason=gathered.document.title)


def _json(gathered: Gathered) -> bytes:
    return json.dumps(dict(gathered.data), ensure_ascii=False, indent=2, sort_keys=False).encode()


def _note(report: Report, percent: int, step: str) -> None:
    Report.objects.filter(id=report.id, state=Report.State.RUNNING).update(progress=percent, step=step[:200])
