"""Agents of a test's own, registered and verified by the services that the product itself uses."""

import base64
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.contracts import Actor
from agents.models import Agent
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from agents.services.registration import register_agent
from tests.factories.accounts import unique


@dataclass(frozen=True)
class AgentInHand:
    agent: Agent
    api_key: str
    key: Ed25519PrivateKey

    @property
    def path(self) -> str:
        return f"/agents/{self.agent.public_id}"


def pem_of(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signature(key: Ed25519PrivateKey, statement: str) -> str:
    return base64.b64encode(key.sign(statement.encode())).decode()


def configuration(**fields) -> dict[str, Any]:
    return {
        "name": unique("agent"),
        "display_name": "An agent",
        "agent_type": "ai_agent",
        "version": "1.0.0",
        "capabilities": ["file_system.read"],
        "resource_scope": ["/app/**"],
        **fields,
    }


def make_agent(actor: Actor, *, with_key: bool = True, **fields) -> AgentInHand:
    """A pending agent."""
    key = Ed25519PrivateKey.generate()
    registration = register_agent(actor, configuration(**fields), public_key=pem_of(key) if with_key else None)
    return AgentInHand(agent=registration.agent, api_key=registration.api_key, key=key)


def make_verified_agent(actor: Actor, **fields) -> AgentInHand:
    held = make_agent(actor, **fields)
    challenge = issue_challenge(actor, held.agent.id)
    answer = Answer(signature=signature(held.key, challenge.statement))
    agent = answer_challenge(actor, held.agent.id, challenge_id=challenge.id, answer=answer)
    return AgentInHand(agent=agent, api_key=held.api_key, key=held.key)
