"""Mails and posts what people want to be told of. A replay sends nothing twice: all of it names its entry."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.alerts import AlertKind, kinds_of
from accounts.audience import Audience
from accounts.models import Membership
from accounts.services.alert_webhook import queue_alert_call
from accounts.services.notifications import organizations_of
from aim import clock
from aim.ledger.followers import SealedEntry, follower
from aim.mail.outbox import queue_mail
from aim.mail.server import mail_is_configured

_NEWS = timedelta(hours=24)


@follower(name="alerts", kinds=None, pause=1.0)
class AlertsFollower:
    """Kinds are registered by every room while it is loaded, so that all entries are looked at here."""

    def follow(self, entries: Sequence[SealedEntry]) -> None:
        worth_telling = [(entry, kinds) for entry in entries if (kinds := kinds_of(entry.kind, entry.body))]
        if not worth_telling:
            return
        mails, since = mail_is_configured(), clock.now() - _NEWS
        audience = Audience([entry.body for entry, _kinds in worth_telling])
        for entry, kinds in worth_telling:
            # Nobody wants to be told of last week, neither by a replay nor after a long stop.
            if entry.recorded_at > since:
                for kind in kinds:
                    _tell(entry, kind, audience if mails else None)

    def reset(self) -> None:
        """Mails that were sent stay sent; their rows keep a replay from sending them again."""


def _tell(entry: SealedEntry, kind: AlertKind, audience: Audience | None) -> None:
    """An entry of several kinds reaches each person, and each receiver, once: as the first kind that they want.

    Without an audience nobody gets a mail.
    """
    for organization_id in organizations_of(entry, kind):
        if audience is not None:
            _mail(entry, kind, organization_id, audience.of(entry.body, kind, organization_id))
        if kind.people is None and not kind.installation:
            queue_alert_call(organization_id, kind, entry.id, entry.body)


def _mail(entry: SealedEntry, kind: AlertKind, organization_id: UUID, people: Sequence[Membership]) -> None:
    sentence = kind.sentence(entry.body) if people else ""
    for membership in people:
        email = membership.user.email
        queue_mail(
            kind="alert",
            recipient=email,
            subject=_("AIM Alert: %(sentence)s") % {"sentence": sentence},
            template="accounts/mail/alert",
            context={
                "organization": membership.organization.name,
                "sentence": sentence,
                "at": entry.recorded_at,
                "by": entry.body["actor"].get("label"),
                "label": kind.label,
                "path": kind.path(entry.body),
            },
            organization_id=organization_id,
            once=f"alert:{entry.id.hex}:{_place(entry, organization_id)}{email.lower()}",
        )


def _place(entry: SealedEntry, organization_id: UUID) -> str:
    """Whoever is in two organizations is told of the installation's events by each."""
    return "" if entry.organization_id is not None else f"{organization_id.hex}:"
