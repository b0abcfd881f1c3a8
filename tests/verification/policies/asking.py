"""Policies asked in memory, and put in force for agents that really ask."""

from decimal import Decimal
from typing import Any, NamedTuple

from aim.crypto.signature_base import SignedMessage
from verification.contracts import Case, Origin
from verification.policies.compiled import AgentFacts, PolicyBook, compile_policy
from verification.policies.conditions.registry import Facts
from verification.requests import action_from
from verification.services.policies import activate_version, create_policy

AGENT = "agt_" + "1" * 32
MESSAGE = SignedMessage("POST", "http", b"", b"/", b"", [], b"")


class StandIn(NamedTuple):
    public_id: str = AGENT
    trust_score: Decimal | None = Decimal(100)


def case(now: float = 0.0, trust: Any = 100, address: str = "127.0.0.1", **request: Any) -> Case:
    body = {"agent_id": AGENT, "action_type": "file_read", "resource": "/app/x"} | request
    score = None if trust is None else Decimal(trust)
    return Case(action_from(body), StandIn(AGENT, score), Origin(MESSAGE, address, b"", "", 0), now)


def judge(documents: list[dict[str, Any]], asked: Case, facts: Facts | None = None, agent: AgentFacts | None = None):
    """The verdict of these policies, all live, over one case."""
    policies = [
        compile_policy(
            {"name": f"policy {index}", **document}, facts or Facts(), ids=(f"pol_{index}", "", index), shadow=False
        )
        for index, document in enumerate(documents)
    ]
    book = PolicyBook(policies, generation=1)
    return book.for_agent(agent or AgentFacts(AGENT, "billing-bot"), frozenset()).judge(asked)


def effect(verdict) -> str:
    return "denied" if verdict.denied else "pending" if verdict.requirements else "approved"


def in_force(admin, document: dict[str, Any]):
    """A policy of the admin's organization, active from now on."""
    version = create_policy(admin, document)
    return activate_version(admin, version.policy_id, number=1)
