"""Certificates that come to their end: told 30 and 7 days before, and no longer relied upon when it has come."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from aim import clock
from aim.ledger.events import Event
from mcp.alerts import CERTIFICATE
from mcp.certificates import TOLD_DAYS, WARNED_DAYS
from mcp.ledger_entries import record
from mcp.models import Certificate, McpServer, ServerStatus, VerificationRun, VerificationStatus
from mcp.services.events import Kind, Severity, mcp_system, note
from mcp.services.lifecycle import move_server
from mcp.services.notices import tell

DAYS_AHEAD = (TOLD_DAYS, WARNED_DAYS, 0)
_SEEN = timedelta(days=1)
SUSPENDED = gettext_noop("MCP Server suspended: Certificate expired")
_EXPIRED = {
    Certificate.Role.SERVER: gettext_noop("The certificate of %(server)s has expired"),
    Certificate.Role.CLIENT: gettext_noop("The client certificate for %(server)s has expired"),
}


def tend_certificates() -> int:
    """Give every alert that is due; answers how many. Each is given once, and of several that are late the last."""
    now = clock.now()
    look_again_at_ending(now)
    ahead = now + timedelta(days=max(DAYS_AHEAD))
    rows = Certificate.objects.filter(current=True, not_after__lte=ahead).exclude(server__status=ServerStatus.RETIRED)
    rows = rows.exclude(_may_be_replaced(now) & Q(not_after__gt=now))
    due = [row.id for row in rows.order_by("not_after") if due_alert(row, now) is not None]
    return sum(_alert(certificate_id) for certificate_id in due)


def look_again_at_ending(at: datetime) -> int:
    """Have servers verified that were not for a day and whose certificate is about to be told of; answers how many.

    Whoever has replaced it meanwhile is neither alarmed nor suspended.
    """
    told = max(DAYS_AHEAD)
    rows = Certificate.objects.filter(_may_be_replaced(at), current=True, not_after__lte=at + timedelta(days=told))
    due = [row.server_id for row in rows if due_alert(row, at) is not None or row.not_after <= at + _SEEN]
    servers = McpServer.objects.filter(id__in=due).exclude(next_verification_at__lte=at)
    return servers.exclude(status=ServerStatus.RETIRED).update(next_verification_at=at)


def _may_be_replaced(at: datetime) -> Q:
    """A server's certificate that nobody has looked at for a day: it was not seen, and the server not examined."""
    examined = VerificationRun.objects.filter(
        server_id=OuterRef("server_id"), purpose=VerificationRun.Purpose.VERIFICATION, finished_at__gt=at - _SEEN
    )
    return Q(Q(role=Certificate.Role.SERVER, last_seen_at__lt=at - _SEEN), ~Exists(examined))


def due_alert(certificate: Certificate, at: datetime) -> int | None:
    """The nearest of the days ahead that has come and was not told, or None."""
    come = [days for days in DAYS_AHEAD if certificate.not_after - timedelta(days=days) <= at]
    nearest = min(come, default=None)
    return None if nearest is None or str(nearest) in certificate.alerts else nearest


@transaction.atomic
def _alert(certificate_id: UUID) -> bool:
    server = (
        McpServer.objects.select_for_update(no_key=True, of=("self",)).filter(certificates__id=certificate_id).first()
    )
    certificate = Certificate.objects.filter(id=certificate_id, current=True).first()
    if server is None or certificate is None or server.status == ServerStatus.RETIRED:
        return False
    days = due_alert(certificate, clock.now())
    if days is None:
        return False
    certificate.alerts = [str(passed) for passed in DAYS_AHEAD if passed >= days]
    certificate.save(update_fields=["alerts"])
    data = {
        "certificate": certificate.fingerprint,
        "role": str(certificate.role),
        "subject": certificate.subject,
        "not_after": clock.show_time(certificate.not_after),
        "days": days,
    }
    if days == 0:
        _expire(server, certificate, data)
    else:
        _warn(server, certificate, days, data)
    return True


def _warn(server: McpServer, certificate: Certificate, days: int, data: dict[str, object]) -> None:
    record(mcp_system(server), Event.MCP_CERTIFICATE_EXPIRING, server=server, data=data)
    left = max(1, certificate.ending.days)
    if Certificate.Role(certificate.role) is Certificate.Role.CLIENT:
        words = ngettext(
            "The client certificate for %(server)s expires in %(n)d day",
            "The client certificate for %(server)s expires in %(n)d days",
            left,
        )
    else:
        words = ngettext(
            "The certificate of %(server)s expires in %(n)d day",
            "The certificate of %(server)s expires in %(n)d days",
            left,
        )
    sentence = words % {"server": server.name, "n": left}
    severity = Severity.MEDIUM if days > min(ahead for ahead in DAYS_AHEAD if ahead) else Severity.HIGH
    note(server, Kind.CERTIFICATE, severity, sentence, data)
    tell(server, CERTIFICATE, sentence, _details(certificate), once=_once(certificate, days))


def _expire(server: McpServer, certificate: Certificate, data: dict[str, object]) -> None:
    """Calls to the server would fail or be unsafe: where its failures may suspend it, it is suspended at once."""
    actor = mcp_system(server)
    record(actor, Event.MCP_CERTIFICATE_EXPIRED, server=server, data=data)
    sentence = _(_EXPIRED[Certificate.Role(certificate.role)]) % {"server": server.name}
    if server.verification == VerificationStatus.VERIFIED:
        server.verification = VerificationStatus.FAILED
        server.save(update_fields=["verification", "updated_at"])
    if server.auto_suspend and server.status == ServerStatus.ACTIVE:
        move_server(actor, server, "suspended", reason="Certificate expired", by_failures=True)
        sentence = _(SUSPENDED)
    note(server, Kind.CERTIFICATE, Severity.CRITICAL, sentence, data)
    details = [_("Server: %(server)s") % {"server": server.name}, *_details(certificate)]
    tell(server, CERTIFICATE, sentence, details, once=_once(certificate, 0))


def _details(certificate: Certificate) -> list[str]:
    return [
        _("Subject: %(subject)s") % {"subject": certificate.subject},
        _("Valid until: %(time)s UTC") % {"time": date_format(certificate.not_after, "j F Y, H:i")},
        _("Fingerprint: %(fingerprint)s") % {"fingerprint": certificate.fingerprint},
        _("To renew: put the new certificate in place, upload it where AIM holds it, and verify the server again."),
    ]


def _once(certificate: Certificate, days: int) -> str:
    return f"mcp-certificate:{certificate.id.hex}:{days}"
