"""The certificates that servers have shown, and those that AIM shows to them."""

from django.db import connection

from aim import clock
from mcp.certificates import CertificateFacts
from mcp.models import Certificate, McpServer


def keep_certificate(server: McpServer, shown: CertificateFacts, *, role: str) -> Certificate:
    """Keep what was shown as the current certificate of its role."""
    assert connection.in_atomic_block
    others = Certificate.objects.filter(server=server, role=role, current=True).exclude(fingerprint=shown.fingerprint)
    others.update(current=False)
    row, _ = Certificate.objects.update_or_create(
        server=server,
        role=role,
        fingerprint=shown.fingerprint,
        defaults={"current": True, "last_seen_at": clock.now()},
        create_defaults={
            "subject": shown.subject,
            "issuer": shown.issuer,
            "names": list(shown.names),
            "not_before": shown.not_before,
            "not_after": shown.not_after,
            "pem": shown.pem,
            "current": True,
            "last_seen_at": clock.now(),
        },
    )
    return row
