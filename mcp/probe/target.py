"""What is examined: the configuration of a server and the credential for it, read once at the beginning of a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aim.encryption import decrypt
from mcp.models import AuthMethod, Credential, McpServer


@dataclass(frozen=True)
class Target:
    """`secret` has the fields of the method of authentication, see `mcp.credentials`; it is never shown or logged."""

    url: str
    protocol: str
    health_endpoint: str
    verification_url: str
    timeout_seconds: int
    auth_method: str
    ca_certificate: str
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def health_url(self) -> str:
        """The address that health is asked at, or empty where the handshake alone tells of it."""
        return f"{origin_of(self.url)}{self.health_endpoint}" if self.health_endpoint else ""


def target_of(server: McpServer, *, verification_url: str = "") -> Target:
    """Raises `UndecryptableError` where the credential was encrypted under a master key that is gone."""
    secret = _secret_of(server) if server.auth_method != AuthMethod.NONE else {}
    return Target(
        url=server.url,
        protocol=server.protocol,
        health_endpoint=server.health_endpoint,
        verification_url=verification_url or server.verification_url,
        timeout_seconds=server.timeout_seconds,
        auth_method=server.auth_method,
        ca_certificate=server.ca_certificate,
        secret=secret,
    )


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def same_origin(first: str, second: str) -> bool:
    """Whether two addresses lead to the same server: the same scheme, host and port."""
    return _origin(first) == _origin(second)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or (80 if parts.scheme == "http" else 443)


def _secret_of(server: McpServer) -> dict[str, str]:
    row = Credential.objects.filter(server_id=server.id, method=server.auth_method).first()
    if row is None:
        return {}
    secret: dict[str, str] = json.loads(decrypt(bytes(row.encrypted)))
    return secret
