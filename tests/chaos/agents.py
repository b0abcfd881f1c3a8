"""Organizations and agents of a run, made through the product's own API, and the requests these agents sign."""

import base64
import http.client
import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aim.crypto.signing import Signer, sign_request
from tests.chaos.installation import Installation

VERIFY = "/api/v1/verify/action"
PLENTY = 1_000_000


@dataclass(frozen=True)
class Agent:
    """`id` is the public one."""

    id: str
    api_key: str
    signer: Signer
    url: str
    limit: int


@dataclass(frozen=True)
class Call:
    """The whole bytes of a request, and what tells it from others."""

    raw: bytes
    agent: str
    nonce: str
    request_id: str


class Organization:
    """An organization with one admin, who acts by a personal token."""

    def __init__(self, site: Installation) -> None:
        self.site = site
        made = site.new_admin()
        self.id: str = made["organization"]["id"]
        self.name: str = made["organization"]["name"]
        self.token: str = made["token"]

    def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> tuple[int, Any]:
        """The status and the parsed body of one call."""
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def agent(self, *, limit: int = PLENTY, **configuration: object) -> Agent:
        """A verified agent that signs; its key is proved by a challenge."""
        key = Ed25519PrivateKey.generate()
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        body = {
            "name": f"agent-{secrets.token_hex(6)}",
            "display_name": "Chaos agent",
            "agent_type": "ai_agent",
            "version": "1.0.0",
            "capabilities": ["file_system.read"],
            "resource_scope": ["/app/**"],
            "limits": {"calls_per_hour": limit},
            "require_signature": True,
            "public_key": pem,
            **configuration,
        }
        made = self.expect(201, "POST", "/api/v1/agents", body)
        path = f"/api/v1/agents/{made['id']}/challenge"
        challenge = self.expect(201, "POST", path)
        signature = base64.b64encode(key.sign(challenge["statement"].encode())).decode()
        self.expect(200, "POST", f"{path}/{challenge['id']}/response", {"signature": signature})
        return Agent(made["id"], made["api_key"], Signer(key), self.site.url, limit)

    def expect(self, status: int, method: str, path: str, body: object = None) -> Any:
        got, answer = self.call(method, path, body)
        assert got == status, f"{method} {path}: {got} {answer}"
        return answer

    def suspend_call(self, agent: Agent, verb: str) -> bytes:
        """The bytes of `POST /agents/{id}/suspend` or `resume`, for a client that is already connected."""
        body = json.dumps({"reason": "chaos"}).encode()
        return _request(f"/api/v1/agents/{agent.id}/{verb}", self.site.port, self.token, body, {})


def verify_call(
    agent: Agent, *, resource: str = "/app/config.json", created: int | None = None, **more: object
) -> Call:
    """A freshly signed question, with a nonce and a request id of its own; `more` are further members of its body."""
    nonce = secrets.token_urlsafe(16)
    asked = {"agent_id": agent.id, "action_type": "file_read", "resource": resource, "context": {"session_id": nonce}}
    body = json.dumps({**asked, **more}).encode()
    signed = sign_request(agent.signer, "POST", agent.url + VERIFY, body=body, nonce=nonce, created=created)
    signed["X-Request-ID"] = f"chaos-{nonce}"
    port = int(agent.url.rpartition(":")[2])
    return Call(_request(VERIFY, port, agent.api_key, body, signed), agent.id, nonce, f"chaos-{nonce}")


def complete_call(agent: Agent, verification: str) -> Call:
    """A report of success; reports are not signed."""
    port = int(agent.url.rpartition(":")[2])
    body = b'{"status":"success","duration_ms":1}'
    raw = _request(f"/api/v1/verify/{verification}/complete", port, agent.api_key, body, {})
    return Call(raw, agent.id, "", "")


def _request(path: str, port: int, secret: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {secret}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
