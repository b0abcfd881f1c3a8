"""What the floors check: the signature for real, the rest as the least that a decision would look at in memory."""

import base64
import hashlib
import re
from collections.abc import MutableMapping
from typing import Any

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from tests.bench.agents import BenchAgent

_SKEW_SECONDS = 30
# The one spelling that the client sends: a floor need not know the others.
_SIGNATURE_INPUT = re.compile(
    rb'aim=(\("@method" "@authority" "@path" "@query" "content-digest"\);created=(\d+);expires=(\d+)'
    rb';nonce="([\w-]{22,})";keyid="([\w-]{43})";tag="aim-verify")'
)


class ParsedData(msgspec.Struct, forbid_unknown_fields=True):
    records: int = 0
    bytes: int = 0
    fields: list[str] = []
    destination: str | None = None


class ParsedContext(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str = ""
    session_id: str = ""
    timestamp: str = ""


class ParsedAction(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    agent_id: str
    action_type: str
    resource: str
    context: ParsedContext
    parameters: dict[str, Any] = {}
    data: ParsedData = msgspec.field(default_factory=ParsedData)
    mcp_server: str | None = None
    tool: str | None = None


class _Known(msgspec.Struct):
    agent_id: str
    thumbprint: bytes
    public_key: bytes
    status: str = "verified"
    trust: int = 90
    actions: frozenset[str] = frozenset({"file_read", "file_list"})
    scope: tuple[str, ...] = ("/app/",)
    calls: int = 0
    limit: int = 10**9


class Results:
    """What the checks said; `refused` names the first that failed."""

    __slots__ = ("agent", "refused")

    def __init__(self, agent: _Known | None, refused: bytes = b"") -> None:
        self.agent = agent
        self.refused = refused

    def record(self, key: bytes, body: bytes, moment: float) -> bytes:
        """Return about 700 bytes of what would be stored of an approval, and hash them as a ledger's leaf would be."""
        assert self.agent is not None
        record = b'{"id":"ver_%b","at":%.6f,"agent":"%b","trust":%d,"request":%b,"checks":%b}' % (
            key.hex().encode(),
            moment,
            self.agent.agent_id.encode(),
            self.agent.trust,
            body,
            _PASSED,
        )
        hashlib.sha256(record).digest()
        return record


_PASSED = b"[%b]" % b",".join(
    b'{"name":"%b","result":"passed","us":2}' % name
    for name in (b"agent_status", b"signature", b"capability", b"scope", b"trust", b"rate_limit")
)


def _refusal(agent: _Known, action: ParsedAction) -> bytes:
    if agent.status != "verified":
        return b"agent_suspended"
    if action.action_type not in agent.actions:
        return b"capability_missing"
    if not action.resource.startswith(agent.scope) or ".." in action.resource:
        return b"out_of_scope"
    if agent.trust < 70:
        return b"trust_too_low"
    return b"rate_limited" if agent.calls >= agent.limit else b""


class Checks:
    """The agents in memory, by the SHA-256 of their bearer keys."""

    def __init__(self, agents: list[BenchAgent]) -> None:
        self._agents = {
            hashlib.sha256(f"Bearer {agent.api_key}".encode()).digest(): _Known(
                agent_id=agent.agent_id, thumbprint=agent.thumbprint.encode(), public_key=agent.public_key
            )
            for agent in agents
        }
        self._nonces: set[bytes] = set()

    def run(self, scope: MutableMapping[str, Any], body: bytes, action: ParsedAction, *, now: float) -> Results:
        headers = dict(scope["headers"])
        agent = self._agents.get(hashlib.sha256(headers.get(b"authorization", b"")).digest())
        if agent is None or agent.agent_id != action.agent_id:
            return Results(None, b"unknown")
        refused = _refusal(agent, action)
        if refused:
            return Results(agent, refused)
        if not self._signed(scope, headers, body, agent, now=now):
            return Results(agent, b"signature_invalid")
        agent.calls += 1
        return Results(agent)

    def _signed(
        self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes], body: bytes, agent: _Known, *, now: float
    ) -> bool:
        found = _SIGNATURE_INPUT.fullmatch(headers.get(b"signature-input", b""))
        signature = headers.get(b"signature", b"")
        if found is None or not (signature.startswith(b"aim=:") and signature.endswith(b":")):
            return False
        parameters, created, expires, nonce, key_id = found.groups()
        if not (int(created) - _SKEW_SECONDS <= now <= int(expires) + _SKEW_SECONDS) or key_id != agent.thumbprint:
            return False
        digest = b"sha-256=:%b:" % base64.b64encode(hashlib.sha256(body).digest())
        if headers.get(b"content-digest") != digest or nonce in self._nonces:
            return False
        message = (
            b'"@method": %b\n"@authority": %b\n"@path": %b\n"@query": ?%b\n"content-digest": %b\n'
            b'"@signature-params": %b'
        ) % (
            scope["method"].encode(),
            headers[b"host"],
            scope["raw_path"],
            scope["query_string"],
            digest,
            parameters,
        )
        try:
            crypto_sign_open(base64.b64decode(signature[5:-1]) + message, agent.public_key)
        except (BadSignatureError, ValueError):
            return False
        self._nonces.add(nonce)
        return True
