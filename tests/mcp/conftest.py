"""What the tests of MCP servers share: an authority of their own, and servers of the official SDK."""

import pytest
import trustme

from tests.mcp.sdk.running import sdk_server


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def sdk(authority):
    """A server in the newer era, over TLS, without authentication."""
    with sdk_server(authority=authority, more_tools=3) as server:
        yield server
