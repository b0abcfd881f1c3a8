"""What policies cost a decision: printed, and bounded far above what is expected, for a machine that is busy."""

import sys
import time
from typing import Any

import pytest

from aim.resources.patterns import compile_scope
from tests.factories.timing import assert_within
from tests.verification.policies.asking import case, judge
from verification.policies.compiled import AgentFacts, PolicyBook, compile_policy
from verification.policies.conditions.registry import Facts

FACTS = Facts(data_classes={"sensitive": compile_scope(["/app/config/**"])})
AGENT = AgentFacts("agt_" + "1" * 32, "bot", frozenset({"production"}))
HOURS = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}


def organization(count):
    """An organization's mix: a fifth of the policies concerns the action, the others another action or agent."""
    documents = []
    for index in range(count):
        match: dict[str, Any]
        match index % 5:
            case 0:
                match = {"actions": ["file_read"], "resources": [f"/srv/{index}/**"]}
            case 1:
                match = {"actions": ["refund"], "where": [{"field": "parameters.amount", "more_than": 500}]}
            case 2:
                match = {"agent_tags": ["test"]}
            case 3:
                match = {"capabilities": ["network.request"]}
            case _:
                match = {"agents": [f"agent-{index}"]}
        documents.append({"name": f"p{index}", "effect": "deny", "match": match})
    return documents


def book_of(documents):
    return PolicyBook(
        [compile_policy(d, FACTS, ids=("pol_1", "pov_1", 1), shadow=False) for d in documents], generation=1
    )


def microseconds(policies, asked, rounds=5000):
    """The least of five series, by the time of this thread alone."""
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for _ in range(rounds):
            policies.judge(asked)
        best = min(best, (time.thread_time() - started) / rounds * 1e6)
    return best


SENSITIVE = {
    "name": "Sensitive files require approval",
    "effect": "require_approval",
    "match": {"data_classes": ["sensitive"]},
    "auto_approve": [{"user_role": ["admin"]}, {"read_only": True, "working_hours": HOURS}],
}
MONEY = {
    "name": "Refunds",
    "effect": "require_approval",
    "match": {"actions": ["refund"], "where": [{"field": "parameters.amount", "more_than": 500, "currency": "EUR"}]},
}


@pytest.mark.parametrize(
    ("what", "documents", "asked"),
    [
        ("no policies", [], case()),
        ("10 policies, 2 for the action", organization(10), case()),
        ("50 policies, 10 for the action", organization(50), case()),
        ("200 policies, 40 for the action", organization(200), case()),
        ("the sensitive file, auto-approved", [SENSITIVE], case(resource="/app/config/config.json")),
        (
            "a refund over €500",
            [MONEY],
            case(action_type="refund", parameters={"amount": 501, "currency": "EUR"}),
        ),
        (
            "data.bytes",
            [{"name": "x", "effect": "deny", "match": {"where": [{"field": "data.bytes", "more_than": 9}]}}],
            case(data={"bytes": 1}),
        ),
    ],
)
def test_microseconds_a_decision(what, documents, asked, capsys):
    policies = book_of(documents).for_agent(AGENT, frozenset({"file_read", "refund"}))
    cost = microseconds(policies, asked)
    with capsys.disabled():
        sys.stdout.write(f"\n  {what}: {cost:.2f} µs\n")
    assert cost < 100


def test_compiling_a_book_is_quick():
    documents = organization(500)
    assert len(book_of(documents).policies) == 500
    assert_within(5, lambda: book_of(documents), clock=time.thread_time)
    assert judge([], case()).matches == ()
