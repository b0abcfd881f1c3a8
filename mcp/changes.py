"""A server's history in words."""

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agents.changes import Change, changes_of
from aim.ledger.models import Entry

# By the text of the event: a word may stand here before the event that it names is written anywhere.
WORDS: Mapping[str, Promise] = {
    "mcp.server.registered": _("Registered"),
    "mcp.server.updated": _("Configuration changed"),
    "mcp.server.suspended": _("Suspended"),
    "mcp.server.resumed": _("Resumed"),
    "mcp.server.retired": _("Retired"),
    "mcp.tool.updated": _("Capability changed"),
    "mcp.tool.approved": _("New definition of a tool approved"),
    "mcp.tool.rejected": _("New definition of a tool rejected"),
    "mcp.tool.found": _("Tool found"),
    "mcp.tool.changed": _("A tool has changed"),
    "mcp.offering.changed": _("Instructions, a resource or a prompt have changed"),
    "mcp.offering.approved": _("Instructions, a resource or a prompt approved"),
    "mcp.run.succeeded": _("Verification succeeded"),
    "mcp.run.failed": _("Verification failed"),
    "mcp.credential.set": _("Credential set"),
    "mcp.credential.removed": _("Credential removed"),
    "mcp.health.changed": _("Health changed"),
    "mcp.certificate.seen": _("Certificate seen"),
    "mcp.certificate.expiring": _("Certificate about to expire"),
    "mcp.certificate.expired": _("Certificate expired"),
    "mcp.rotation.started": _("Key rotation started"),
    "mcp.rotation.confirmed": _("Key rotation confirmed"),
    "mcp.rotation.proved": _("New key proved"),
    "mcp.rotation.reminded": _("Rollover reminder sent"),
    "mcp.rotation.completed": _("Key rotation completed"),
    "mcp.rotation.abandoned": _("Key rotation abandoned"),
    "mcp.key.revoked": _("Key revoked"),
    "mcp.report.made": _("Report made"),
}
_TONES: Mapping[str, str] = {
    "mcp.server.suspended": "denied",
    "mcp.server.retired": "denied",
    "mcp.run.failed": "denied",
    "mcp.key.revoked": "denied",
    "mcp.certificate.expired": "denied",
    "mcp.tool.changed": "pending",
    "mcp.offering.changed": "pending",
    "mcp.certificate.expiring": "pending",
    "mcp.server.resumed": "accent",
    "mcp.run.succeeded": "accent",
    "mcp.rotation.completed": "accent",
}


def server_changes(entries: Iterable[Entry]) -> list[Change]:
    return changes_of(entries, words=WORDS, tones=_TONES)
