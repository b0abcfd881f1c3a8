"""The one table of who may do what. HTML, API, tokens and the page that shows the matrix all read it."""

from enum import StrEnum

from accounts.models import Role


class Permission(StrEnum):
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    AGENTS_REQUEST = "agents:request"
    """To ask for an agent that one may not register oneself."""
    AGENTS_LIFECYCLE = "agents:lifecycle"
    AGENTS_KEYS = "agents:keys"
    AGENTS_ATTEST = "agents:attest"
    AGENTS_DELETE = "agents:delete"
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"
    """To agree to or deny what waits, as far as the rule that asks allows it; agents hold it for what names them."""
    APPROVALS_RESOLVE = "approvals:resolve"
    """To let one of several agents act that wait for each other, whomever the rule names."""
    AGENTS_TRUST = "agents:trust"
    """To set a trust score anew, with a reason."""
    REPORTS_MAKE = "reports:make"
    """To report suspicious behaviour of an agent, and to see what became of it."""
    REPORTS_HANDLE = "reports:handle"
    CONTAINMENTS_READ = "containments:read"
    CONTAINMENTS_WRITE = "containments:write"
    MCP_READ = "mcp:read"
    MCP_WRITE = "mcp:write"
    MCP_LIFECYCLE = "mcp:lifecycle"
    MCP_REPORT = "mcp:report"
    """To have a report of a server made; who may see the server may fetch what others have had made."""
    MCP_ATTEST = "mcp:attest"
    """To agree to another person's change of a server's key that the old key does not prove."""
    GRANTS_READ = "grants:read"
    GRANTS_WRITE = "grants:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    TEAMS_READ = "teams:read"
    TEAMS_WRITE = "teams:write"
    TOKENS_OWN = "tokens:own"
    NOTIFICATIONS_OWN = "notifications:own"
    POLICIES_READ = "policies:read"
    POLICIES_WRITE = "policies:write"
    POLICIES_ACTIVATE = "policies:activate"
    VERIFICATIONS_READ = "verifications:read"
    LEDGER_READ = "ledger:read"
    LEDGER_PROVE = "ledger:prove"
    """To fetch checkpoints and proofs, which show nothing of anybody's entries; an agent may for its own decisions."""
    LEDGER_KEYS = "ledger:keys"
    """To replace the key that signs the ledger, where nobody else's organization is on the installation."""
    VIEWS_OWN = "views:own"
    """To keep views of lists, and columns, for oneself."""
    VIEWS_SHARE = "views:share"
    """To show a view of one's own to the whole organization."""
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    VERIFY_ACTIONS = "verify:actions"
    """Held by agents alone: to ask for a decision and to report what came of it."""
    PROVE_KEY = "agents:prove_key"
    """To ask for a challenge and answer it; an agent may do so for itself."""


_VIEWER = frozenset(
    {
        Permission.AGENTS_READ,
        Permission.APPROVALS_READ,
        Permission.CONTAINMENTS_READ,
        Permission.MCP_READ,
        Permission.GRANTS_READ,
        Permission.MEMBERS_READ,
        Permission.POLICIES_READ,
        Permission.TEAMS_READ,
        Permission.TOKENS_OWN,
        Permission.VIEWS_OWN,
        Permission.NOTIFICATIONS_OWN,
        Permission.VERIFICATIONS_READ,
        Permission.LEDGER_READ,
        Permission.LEDGER_PROVE,
        Permission.ORGANIZATION_READ,
    }
)
_MEMBER = _VIEWER | {Permission.AGENTS_REQUEST, Permission.REPORTS_MAKE, Permission.VIEWS_SHARE}
_MANAGER = _MEMBER | {
    Permission.AGENTS_WRITE,
    Permission.AGENTS_LIFECYCLE,
    Permission.REPORTS_HANDLE,
    Permission.AGENTS_KEYS,
    Permission.PROVE_KEY,
    Permission.CONTAINMENTS_WRITE,
    Permission.APPROVALS_DECIDE,
    Permission.GRANTS_WRITE,
    Permission.MCP_WRITE,
    Permission.MCP_LIFECYCLE,
    Permission.MCP_REPORT,
}
_ADMIN = _MANAGER | {
    Permission.AGENTS_ATTEST,
    Permission.AGENTS_DELETE,
    Permission.APPROVALS_RESOLVE,
    Permission.AGENTS_TRUST,
    Permission.MCP_ATTEST,
    Permission.MEMBERS_WRITE,
    Permission.TEAMS_WRITE,
    Permission.ORGANIZATION_WRITE,
    Permission.LEDGER_KEYS,
    Permission.POLICIES_WRITE,
    Permission.POLICIES_ACTIVATE,
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: _ADMIN,
}
AGENT_PERMISSIONS = frozenset(
    {
        Permission.APPROVALS_DECIDE,
        Permission.APPROVALS_READ,
        Permission.LEDGER_PROVE,
        Permission.PROVE_KEY,
        Permission.VERIFY_ACTIONS,
    }
)


def permissions_of(role: str, scopes: list[str] | None = None) -> frozenset[Permission]:
    """What a role allows, narrowed to the scopes of a token. Unknown roles and scopes allow nothing."""
    granted = ROLE_PERMISSIONS.get(Role(role), frozenset()) if role in Role.values else frozenset()
    if scopes is None or "*" in scopes:
        return granted
    return frozenset(permission for permission in granted if permission.value in scopes)
