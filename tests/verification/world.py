"""A small organization with agents that really sign, and the two lanes that a request may take."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from accounts.actors import person_actor
from accounts.contracts import OPERATOR, Actor
from accounts.models import Membership, Organization, Role, User
from accounts.services.organizations import create_organization
from agents.models import Agent
from agents.services.attestation import attest_agent
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from agents.services.registration import register_agent
from aim.crypto.public_keys import describe_key
from aim.crypto.signing import Signer, sign_request
from verification.engine import engine_for_threads, running_engine
from verification.lane import Door, VerifyLane

HOST = "testserver"
URL = f"http://{HOST}/api/v1/verify/action"
PATH = "/api/v1/verify/action"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def make_organization() -> tuple[Organization, Actor]:
    """An organization of its own for one test, and its admin."""
    organization = create_organization(OPERATOR, f"Organization {uuid4().hex}")
    user = User.objects.create_user(email=f"{uuid4().hex}@example.com", password="a long enough password")
    membership = Membership.objects.create(organization=organization, user=user, role=Role.ADMIN)
    return organization, person_actor(membership, credential="test", address="127.0.0.1")


@dataclass
class TestAgent:
    """An agent as its program would hold it: API key, private key, and what it asks."""

    __test__ = False

    agent: Agent
    api_key: str
    admin: Actor
    key: Ed25519PrivateKey | None = None
    signer: Signer | None = field(default=None)

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "agent_id": self.agent.public_id,
            "action_type": "file_read",
            "resource": "/app/config/config.json",
            "context": {"user_id": "usr_123", "session_id": "sess_456", "timestamp": "2026-11-23T16:30:00Z"},
        } | changes

    def headers(self, body: bytes, **options: Any) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if self.signer is not None:
            headers |= sign_request(self.signer, "POST", URL, body=body, **options)
        return headers

    def ask_natively(self, body: Any = None, **options: Any) -> Reply:
        raw, headers = self.request(body, **options)
        reply = native(raw, headers)
        assert reply is not None, "the native lane handed the request over"
        return reply

    def ask_patiently(self, body: Any = None, **options: Any) -> Reply:
        raw, headers = self.request(body, **options)
        return patient(raw, headers)

    def request(self, body: Any = None, **options: Any) -> tuple[bytes, dict[str, str]]:
        raw = body if isinstance(body, bytes) else json.dumps(self.body() if body is None else body).encode()
        return raw, self.headers(raw, **options)


def make_agent(admin: Actor, *, signed: bool = False, verified: bool = True, **configuration: Any) -> TestAgent:
    key = Ed25519PrivateKey.generate() if signed else None
    registration = register_agent(
        admin,
        {
            "name": f"agent-{uuid4().hex}",
            "display_name": "Agent",
            "agent_type": "ai_agent",
            "version": "1.0.0",
            "capabilities": ["file_system.read"],
            "resource_scope": ["/app/**"],
            "require_signature": signed,
        }
        | configuration,
        public_key=describe_key(key.public_key()).pem if key else None,
    )
    agent = registration.agent
    if verified and key is None:
        agent = attest_agent(admin, agent.id, reason="test")
    made = TestAgent(agent, registration.api_key, admin, key, Signer(key) if key else None)
    if verified and key is not None:
        prove(made)
    return made


def prove(made: TestAgent) -> None:
    """Verify the agent as it would do itself: by signing a challenge."""
    assert made.key is not None
    challenge = issue_challenge(made.admin, made.agent.id)
    signature = base64.b64encode(made.key.sign(challenge.statement.encode())).decode()
    made.agent = answer_challenge(
        made.admin, made.agent.id, challenge_id=challenge.id, answer=Answer(signature=signature)
    )


def native(raw: bytes, headers: dict[str, str], *, client: str = "127.0.0.1", path: str = PATH) -> Reply | None:
    """The native lane's own answer, or None where it hands the request over to Django."""
    engine = engine_for_threads()
    assert running_engine() is engine
    handed_over = False
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        nonlocal handed_over
        handed_over = True
        message = await receive()
        assert message["body"] == raw, "what was read must be given again"

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    all_headers = {"Host": HOST, "Content-Type": "application/json", "Content-Length": str(len(raw))} | headers
    path_only, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "POST",
        "path": path_only,
        "raw_path": path_only.encode(),
        "query_string": query.encode(),
        "scheme": "http",
        "client": (client, 12345),
        "headers": [(name.lower().encode(), value.encode()) for name, value in all_headers.items()],
    }
    lane = VerifyLane(application, door=Door(frozenset({HOST.encode()}), secure=False))
    asyncio.run_coroutine_threadsafe(lane(scope, receive, send), engine.loop).result(timeout=60)
    if handed_over:
        return None
    start = sent[0]
    return Reply(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, sent[1]["body"])


def patient(raw: bytes, headers: dict[str, str], *, client: str = "127.0.0.1", path: str = PATH) -> Reply:
    """The answer of the DRF view, through Django's whole request cycle."""
    response = Client().generic(
        "POST", path, raw, content_type="application/json", headers={"Host": HOST} | headers, REMOTE_ADDR=client
    )
    return Reply(response.status_code, {k.lower(): v for k, v in response.items()}, response.content)


LANES = {"native": TestAgent.ask_natively, "patient": TestAgent.ask_patiently}
