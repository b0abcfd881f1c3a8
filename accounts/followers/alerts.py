"""Mails what an organization wants to be told of. A replay sends nothing twice: each mail names its entry."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from accounts.alerts import AlertKind, alert_kinds, roles_for
from accounts.models import Membership, Organization
from aim import clock
from aim.ledger.followers import SealedEntry, follower
from aim.mail.outbox import queue_mail
from aim.mail.server import mail_is_configured

_NEWS = timedelta(hours=24)


@follower(name="alerts", kinds=None, pause=1.0)
class AlertsFollower:
    """Kinds are registered by every room while it is loaded, so that all entries are looked at here."""

    def follow(self, entries: Sequence[SealedEntry]) -> None:
        if not mail_is_configured():
            return
        by_event = {event.value: kind for kind in alert_kinds() for event in kind.events}
        for entry in entries:
            kind = by_event.get(entry.kind)
            # Nobody wants to be told of last week, neither by a replay nor after a long stop.
            organization_id = entry.organization_id
            if kind is not None and organization_id is not None and clock.now() - entry.recorded_at < _NEWS:
                _mail(entry, kind, organization_id)

    def reset(self) -> None:
        """Mails that were sent stay sent; their rows keep a replay from sending them again."""


def _mail(entry: SealedEntry, kind: AlertKind, organization_id: UUID) -> None:
    organization = Organization.objects.filter(id=organization_id).first()
    if organization is None:
        return
    people = Membership.objects.filter(
        organization=organization, role__in=roles_for(organization, kind), user__is_active=True
    )
    sentence = kind.sentence(entry.body)
    for email in people.values_list("user__email", flat=True):
        queue_mail(
            kind="alert",
            recipient=email,
            subject=f"AIM Alert: {sentence}",
            template="accounts/mail/alert",
            context={
                "organization": organization.name,
                "sentence": sentence,
                "at": entry.recorded_at,
                "by": entry.body["actor"].get("label"),
                "label": kind.label,
            },
            organization_id=organization.id,
            once=f"alert:{entry.id.hex}:{email.lower()}",
        )
