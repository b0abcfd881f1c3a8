from verification.codes import Code
from verification.contracts import Case, Failed, NeedsApproval, Outcome, Passed
from verification.mcp_servers import ServerRules
from verification.registry import check
from verification.snapshot import address_in

_NONE = Passed("no MCP server involved")
_ACTIONS = frozenset({"mcp_tool_call", "mcp_resource_read", "mcp_prompt_get"})
_DISABLED = "MCP tool is disabled"


@check(name="mcp_server", title="MCP server", order=55, position=25)
def mcp_server(case: Case) -> Outcome:
    """A call through an MCP server needs that server verified, and a tool of it switched on for this agent.

    The server's calls per minute are not known here: see `rate_limit`.
    """
    request = case.request
    if request.mcp_server is None and request.tool is None and request.action_type not in _ACTIONS:
        return _NONE
    server = case.agent.servers.find(request.mcp_server)
    if server is None:
        return Failed(
            Code.MCP_SERVER_NOT_VERIFIED,
            "MCP server is not verified",
            f"{request.mcp_server or 'unnamed server'} is not among the organization's verified MCP servers",
        )
    return _refusal(case, server) or _tool(case, server)


def _refusal(case: Case, server: ServerRules) -> Failed | None:
    if server.broken:
        return Failed(Code.CHECK_FAILED, "Check could not be carried out", server.broken)
    if server.agents is not None and case.agent.public_id not in server.agents:
        text = f"{server.name} is not open to this agent"
        return Failed(Code.MCP_CAPABILITY_DISABLED, "MCP server is not open to this agent", text)
    if server.networks and not address_in(case.origin.address, server.networks):
        text = f"{case.origin.address} is in none of the ranges of {server.name}"
        return Failed(Code.IP_NOT_ALLOWED, "Address not allowed", text)
    return None


def _tool(case: Case, server: ServerRules) -> Outcome:
    tool = case.request.tool
    if tool is None:
        if case.request.action_type == "mcp_tool_call":
            return Failed(Code.MCP_CAPABILITY_DISABLED, _DISABLED, f"no tool of {server.name} is named")
        return Passed(server.name)
    match server.tools.get(tool):
        case "auto":
            return Passed(f"{server.name}: {tool}")
        case "approval":
            return NeedsApproval("Approval required", f"{tool} of {server.name} requires approval")
        case "blocked":
            return Failed(Code.MCP_CAPABILITY_DISABLED, "MCP tool is blocked", f"{tool} of {server.name} is blocked")
        case _:
            return Failed(Code.MCP_CAPABILITY_DISABLED, _DISABLED, f"{tool} is not switched on for {server.name}")
