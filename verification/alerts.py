"""The events of decisions that are worth telling."""

from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, register_alert
from accounts.models import Role
from accounts.permissions import Permission
from aim.ledger.events import Event

register_alert(
    AlertKind(
        "deadlock_detected",
        _("Agents wait for each other's approval"),
        frozenset({Event.DEADLOCK_DETECTED}),
        lambda entry: (
            f"{entry['data'].get('title')}: {len(entry['data'].get('agents', ()))} agents wait for each other"
        ),
        permission=Permission.APPROVALS_READ,
        path=lambda _entry: "/dashboard/approvals",
    )
)
register_alert(
    AlertKind(
        "policy_change_proposed",
        _("A change of a policy waits for a second person"),
        frozenset({Event.POLICY_CHANGE_PROPOSED}),
        lambda entry: f"A change of the policy {entry['subject'].get('label')} waits for a second person",
        permission=Permission.POLICIES_READ,
    )
)
register_alert(
    AlertKind(
        "target_contained",
        _("Something was blocked or put in quarantine"),
        frozenset({Event.CONTAINMENT_PLACED}),
        lambda entry: f"{entry['subject'].get('label')} was shut off: {entry['data'].get('reason')}",
        (Role.ADMIN, Role.MANAGER),
        permission=Permission.CONTAINMENTS_READ,
    )
)
