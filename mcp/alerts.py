"""What people are mailed about MCP servers: who is told by role is the organization's choice, the owner always is."""

from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertKind, register_alert
from accounts.models import Role

_ROLES = (Role.ADMIN,)


def _kind(code: str, label: object) -> AlertKind:
    """A kind without events: its mails go to the owner too and say more than an entry (`mcp.services.notices`)."""
    kind = AlertKind(code, label, frozenset(), lambda entry: str(entry["subject"].get("label")), _ROLES)  # type: ignore[arg-type]
    register_alert(kind)
    return kind


ROTATION = _kind("mcp_rotation", _("An MCP server's key is rotated or revoked"))
CERTIFICATE = _kind("mcp_certificate", _("An MCP server's certificate expires"))
FAILURE = _kind("mcp_failure", _("An MCP server fails, is suspended or is back"))
