"""What people are told of reports."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, each, register_alert, subject
from accounts.models import Role
from accounts.permissions import Permission
from aim.ids import IdKind, show_id
from aim.ledger.events import Event

Body = Mapping[str, Any]
_KEEPERS = (Role.ADMIN, Role.MANAGER)
_ANSWERS = {
    Event.REPORT_DISMISSED: gettext_noop("Your report of %(agent)s was dismissed"),
    Event.REPORT_ESCALATED: gettext_noop("Your report of %(agent)s was escalated"),
    Event.REPORT_ACTED_ON: gettext_noop("Your report of %(agent)s led to its suspension"),
}


def _page(entry: Body) -> str:
    return f"/dashboard/reports/{show_id(IdKind.REPORT, UUID(hex=entry['subject']['id']))}"


def _agent(entry: Body) -> str:
    return str(entry["data"]["agent"].get("label"))


def _reporter(entry: Body) -> Collection[UUID]:
    reporter = entry["data"].get("reported_by")
    return (UUID(hex=reporter),) if reporter else ()


register_alert(
    AlertKind(
        "behaviour_reported",
        _("Somebody reports suspicious behaviour of an agent"),
        frozenset({Event.REPORT_MADE}),
        lambda entry: (
            gettext("%(person)s reports suspicious behaviour of %(agent)s, severity %(severity)s")
            % {
                "person": entry["actor"].get("label"),
                "agent": _agent(entry),
                "severity": entry["data"].get("severity"),
            }
        ),
        _KEEPERS,
        permission=Permission.REPORTS_HANDLE,
        path=_page,
        icon="flag",
        tone="denied",
        settled_by=frozenset({Event.REPORT_DISMISSED, Event.REPORT_ACTED_ON}),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "report_escalated",
        _("A report of suspicious behaviour was escalated"),
        frozenset({Event.REPORT_ESCALATED}),
        lambda entry: (
            gettext("A report of %(agent)s was escalated: %(reason)s")
            % {"agent": _agent(entry), "reason": entry["data"].get("note") or gettext("erased")}
        ),
        _KEEPERS,
        permission=Permission.REPORTS_HANDLE,
        path=_page,
        icon="siren",
        tone="critical",
        settled_by=frozenset({Event.REPORT_DISMISSED, Event.REPORT_ACTED_ON}),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "report_answered",
        _("Your report of suspicious behaviour was answered"),
        frozenset(_ANSWERS),
        lambda entry: gettext(_ANSWERS[entry["kind"]]) % {"agent": _agent(entry)},
        permission=Permission.REPORTS_MAKE,
        path=_page,
        people=each(_reporter),
        icon="flag",
    )
)
