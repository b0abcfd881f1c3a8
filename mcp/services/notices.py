"""Mail about a server: to its owner and to the roles that the organization has chosen."""

from collections.abc import Sequence

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts.alerts import AlertKind, roles_for
from accounts.models import Membership
from aim import clock
from aim.mail.outbox import queue_mail
from aim.mail.server import mail_is_configured
from mcp.models import McpServer


def tell(server: McpServer, kind: AlertKind, sentence: str, details: Sequence[str], *, once: str) -> None:
    """Mail it in the caller's transaction, once for each `once` and address, however often that transaction is run.

    `sentence` becomes the subject, `details` are further sentences. Without a mail server nothing is written.
    """
    assert connection.in_atomic_block
    if not mail_is_configured():
        return
    for email in recipients(server, kind):
        queue_mail(
            kind=kind.code,
            recipient=email,
            subject=f"AIM: {sentence}",
            template="mcp/mail/notice",
            context={
                "sentence": sentence,
                "details": list(details),
                "organization": server.organization.name,
                "server": server.display_name,
                "at": clock.now(),
                "link": f"{settings.ORIGIN}/dashboard/mcp/{server.public_id}",
                "label": kind.label,
            },
            organization_id=server.organization_id,
            once=f"{once}:{email.lower()}",
        )


def recipients(server: McpServer, kind: AlertKind) -> list[str]:
    """The addresses of the owner, as long as they belong to the organization, and of the roles; each once."""
    members = Membership.objects.filter(organization_id=server.organization_id, user__is_active=True)
    roles = roles_for(server.organization, kind)
    told = members.filter(Q(role__in=roles) | Q(user=server.owner_id))
    return sorted(set(told.values_list("user__email", flat=True)))
