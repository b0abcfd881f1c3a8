"""Complete HTTP requests, signed before the clock starts, so that the client costs the servers as little as can be."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator

from nacl.signing import SigningKey

from tests.bench.agents import BenchAgent

PATH = "/api/v1/verify/action"
SIGNATURE_SECONDS = 60
_COVERED = '("@method" "@authority" "@path" "content-digest")'


def presign(agents: list[BenchAgent], *, count: int, authority: str) -> list[bytes]:
    """Return `count` requests, the agents in turn, each with a nonce and a signature of its own."""
    keys = [SigningKey(agent.seed) for agent in agents]
    return [
        signed_request(agents[turn], key=keys[turn], body=body, authority=authority)
        for turn, body in _bodies(agents, count)
    ]


def signed_request(agent: BenchAgent, *, key: SigningKey, body: bytes, authority: str) -> bytes:
    """Return one request with RFC 9421 signature and RFC 9530 digest."""
    created = int(time.time())
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    parameters = (
        f"{_COVERED};created={created};expires={created + SIGNATURE_SECONDS}"
        f';nonce="{secrets.token_urlsafe(18)}";keyid="{agent.thumbprint}";tag="aim-verify"'
    )
    base = (
        f'"@method": POST\n"@authority": {authority}\n"@path": {PATH}\n"content-digest": {digest}\n'
        f'"@signature-params": {parameters}'
    )
    signature = base64.b64encode(key.sign(base.encode()).signature).decode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {agent.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nContent-Digest: {digest}\r\n"
        f"Signature-Input: aim={parameters}\r\nSignature: aim=:{signature}:\r\n\r\n"
    )
    return head.encode() + body


def _bodies(agents: list[BenchAgent], count: int) -> Iterator[tuple[int, bytes]]:
    """Different files and sessions, so that no cache of answers could help."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for number in range(count):
        turn = number % len(agents)
        yield (
            turn,
            json.dumps(
                {
                    "agent_id": agents[turn].agent_id,
                    "action_type": "file_read",
                    "resource": f"/app/config/settings-{number}.json",
                    "context": {"user_id": "usr_123", "session_id": f"sess_{number % 997}", "timestamp": moment},
                    "parameters": {},
                    "data": {"records": 0, "bytes": 2048, "fields": [], "destination": None},
                    "mcp_server": None,
                    "tool": None,
                },
                separators=(",", ":"),
            ).encode(),
        )
