"""Complete HTTP requests, signed before the clock starts, so that the client costs the servers as little as can be."""

import time

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.crypto.signing import Signer, sign_request
from tests.bench.agents import BenchAgent

PATH = "/api/v1/verify/action"


def presign(agents: list[BenchAgent], *, count: int, authority: str) -> list[bytes]:
    """Return `count` requests, the agents in turn, each with a nonce and a signature of its own."""
    used = agents[:count]
    signers = [Signer(Ed25519PrivateKey.from_private_bytes(agent.seed)) for agent in used]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    requests = []
    for number in range(count):
        agent = used[number % len(used)]
        body = action(agent, number=number, moment=moment)
        signature = sign_request(signers[number % len(used)], "POST", f"http://{authority}{PATH}", body=body)
        requests.append(_request(agent, body=body, authority=authority, signature=signature))
    return requests


def action(agent: BenchAgent, *, number: int, moment: str) -> bytes:
    """Return the body of a request: different files and sessions, so that no cache of answers could help."""
    return msgspec.json.encode(
        {
            "agent_id": agent.agent_id,
            "action_type": "file_read",
            "resource": f"/app/config/settings-{number}.json",
            "context": {"user_id": "usr_123", "session_id": f"sess_{number % 997}", "timestamp": moment},
            "parameters": {},
            "data": {"records": 0, "bytes": 2048, "fields": [], "destination": None},
            "mcp_server": None,
            "tool": None,
        }
    )


def _request(agent: BenchAgent, *, body: bytes, authority: str, signature: dict[str, str]) -> bytes:
    headers = {
        "Host": authority,
        "Authorization": f"Bearer {agent.api_key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **signature,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body
