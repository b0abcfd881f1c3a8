"""The rights in words, for the page that shows who may do what. One without words is shown by its name."""

from collections.abc import Iterator
from itertools import groupby

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.permissions import ROLE_PERMISSIONS, Permission

_TITLES: dict[str, Promise] = {
    "agents": _("Agents"),
    "approvals": _("Approvals"),
    "containments": _("Containments"),
    "grants": _("Grants"),
    "ledger": _("Ledger"),
    "mcp": _("MCP servers"),
    "members": _("Members"),
    "notifications": _("Notifications"),
    "organization": _("Organization"),
    "policies": _("Policies"),
    "reports": _("Reports of suspicious behaviour"),
    "teams": _("Teams"),
    "tokens": _("API tokens"),
    "verifications": _("Verifications"),
    "views": _("Saved views"),
}
_WORDS: dict[str, Promise] = {
    "agents:read": _("See agents, their configuration and history"),
    "agents:write": _("Register and edit agents"),
    "agents:request": _("Ask for an agent"),
    "agents:lifecycle": _("Suspend, resume and revoke agents"),
    "agents:keys": _("Make, rotate and revoke keys of agents"),
    "agents:prove_key": _("Let an agent prove its key"),
    "agents:attest": _("Vouch for an agent without a key"),
    "agents:delete": _("Delete agents that never acted"),
    "agents:trust": _("Set a trust score anew, with a reason"),
    "approvals:read": _("See what waits for a decision"),
    "approvals:decide": _("Approve or deny what waits"),
    "approvals:resolve": _("Resolve agents that wait for each other"),
    "containments:read": _("See what is shut off"),
    "containments:write": _("Shut things off and open them again"),
    "grants:read": _("See grants"),
    "grants:write": _("Give and end grants"),
    "ledger:read": _("Read the ledger"),
    "ledger:prove": _("Fetch checkpoints and proofs"),
    "ledger:keys": _("Replace the key that signs the ledger"),
    "mcp:read": _("See MCP servers"),
    "mcp:write": _("Register and edit MCP servers"),
    "mcp:attest": _("Agree to another person's change of a server's key"),
    "mcp:report": _("Have crypto reports of MCP servers made"),
    "mcp:lifecycle": _("Suspend, resume and revoke MCP servers"),
    "members:read": _("See the members"),
    "members:write": _("Invite, change and remove members"),
    "notifications:own": _("Read one's own notifications"),
    "organization:read": _("See the organization and its settings"),
    "organization:write": _("Change the settings"),
    "policies:read": _("See policies"),
    "policies:write": _("Write policies"),
    "policies:activate": _("Activate and retire policies"),
    "reports:make": _("Report suspicious behaviour of an agent"),
    "reports:handle": _("See and decide what others have reported"),
    "teams:read": _("See teams"),
    "teams:write": _("Make and change teams"),
    "tokens:own": _("Make API tokens of one's own, and see one's sessions"),
    "verifications:read": _("See verifications"),
    "views:own": _("Save views of lists for oneself"),
    "views:share": _("Share one's views with the organization"),
}


def rights_of_people() -> Iterator[tuple[Promise | str, list[tuple[Permission, Promise | str]]]]:
    """Every right that some role has, in groups."""
    held = sorted(frozenset().union(*ROLE_PERMISSIONS.values()))
    for prefix, permissions in groupby(held, key=lambda permission: permission.partition(":")[0]):
        lines = [(permission, _WORDS.get(permission.value, permission.value)) for permission in permissions]
        yield _TITLES.get(prefix, prefix.capitalize()), lines
