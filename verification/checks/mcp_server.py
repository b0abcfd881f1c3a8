from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check

_NONE = Passed("no MCP server involved")


@check(name="mcp_server", title="MCP server", order=55, position=25)
def mcp_server(case: Case) -> Outcome:
    """A call through an MCP server needs that server verified; one that no registry vouches for is refused."""
    request = case.request
    if request.mcp_server is None and request.tool is None and request.action_type != "mcp_tool_call":
        return _NONE
    return Failed(
        Code.MCP_SERVER_NOT_VERIFIED,
        "MCP server is not verified",
        f"{request.mcp_server or 'unnamed server'} is not among the organization's verified MCP servers",
    )
