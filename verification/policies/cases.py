"""The tests inside a policy: what it says, by itself, of a request that the document describes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from django.utils.translation import gettext as _

from accounts.models import Role
from aim import clock
from aim.canonical import NotCanonicalError
from aim.crypto.signature_base import SignedMessage
from aim.errors import InvalidInputError, Problem
from verification.contracts import Case, Origin
from verification.policies.compiled import AgentFacts, CompiledPolicy, PolicyBook
from verification.policies.conditions.registry import Facts
from verification.policies.document import Document, PolicyTest
from verification.requests import action_from
from verification.snapshot import AgentSnapshot

_AGENT = "agt_" + "0" * 32
_SOMEBODY = "usr_" + "0" * 32
_OF_REQUEST = ("action_type", "resource", "parameters", "data", "context", "mcp_server", "tool")
_FULL_TRUST = 100
_NO_MESSAGE = SignedMessage("POST", "https", b"", b"/", b"", [], b"")


@dataclass(frozen=True, slots=True)
class TestResult:
    name: str
    expect: str
    got: str
    detail: str

    @property
    def passed(self) -> bool:
        return self.expect == self.got


class _StandIn(NamedTuple):
    """The few things that policies ask of an agent's snapshot."""

    public_id: str
    trust_score: Decimal


def run_tests(document: Document, facts: Facts) -> list[TestResult]:
    return [_run(document, facts, test) for test in document.tests]


def test_problems(document: Document) -> list[Problem]:
    """What is wrong with the requests of the tests, as far as they can be read."""
    problems = []
    for index, test in enumerate(document.tests):
        try:
            _case(test, Facts())
        except InvalidInputError as error:
            problems += [
                Problem(f"tests[{index}].request", problem.code, problem.message) for problem in error.problems
            ]
        except NotCanonicalError as error:
            problems.append(Problem(f"tests[{index}].request", "invalid", str(error)))
    return problems


def _run(document: Document, facts: Facts, test: PolicyTest) -> TestResult:
    case, facts, agent = _case(test, facts)
    policy = CompiledPolicy(document, facts, ids=("", "", 0), shadow=False)
    book = PolicyBook((policy,), generation=0)
    verdict = book.for_agent(agent, frozenset()).judge(case)
    got = "denied" if verdict.denied else "pending" if verdict.requirements else "approved"
    detail = "" if verdict.matches else "The policy does not apply."
    return TestResult(test.name, test.expect, got, verdict.denied or verdict.note or detail)


def _case(test: PolicyTest, facts: Facts) -> tuple[Case, Facts, AgentFacts]:
    request = test.request
    body: dict[str, Any] = {name: request[name] for name in _OF_REQUEST if name in request}
    context = body.get("context", {})
    problems = _field_problems(request)
    if isinstance(context, Mapping) and "role" in request and not problems:
        context = {"user_id": _SOMEBODY, **context}
        facts = replace(facts, roles={**facts.roles, str(context["user_id"]): request["role"]})
    if problems:
        raise InvalidInputError(tuple(problems))
    action = action_from({"agent_id": _AGENT, **body} | ({"context": context} if context else {}))
    origin = Origin(_NO_MESSAGE, request.get("address", "127.0.0.1"), b"", "", 0)
    agent = AgentFacts(
        _AGENT,
        request.get("agent", "agent"),
        frozenset(request.get("agent_tags", ())),
        frozenset(request.get("agent_teams", ())),
    )
    name = agent.name if agent.name.startswith("agt_") else _AGENT
    agent = AgentFacts(name, agent.name, agent.tags, agent.teams)
    stand_in = cast("AgentSnapshot", _StandIn(name, Decimal(str(request.get("trust", _FULL_TRUST)))))
    return Case(action, stand_in, origin, _moment(request.get("at"), facts)), facts, agent


def _field_problems(request: Mapping[str, Any]) -> list[Problem]:
    problems = []

    def add(name: str, message: str) -> None:
        problems.append(Problem(name, "invalid", f"{name}: {message}"))

    if "role" in request and request["role"] not in Role.values:
        add("role", _("Choose one of %(choices)s.") % {"choices": ", ".join(Role.values)})
    for name in ("agent", "address"):
        if name in request and not isinstance(request[name], str):
            add(name, _("Must be text."))
    for name in ("agent_tags", "agent_teams"):
        value = request.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            add(name, _("Must be a list of texts."))
    trust = request.get("trust", _FULL_TRUST)
    if type(trust) not in {int, float} or not 0 <= trust <= _FULL_TRUST:
        add("trust", _("Must be a number from 0 to 100."))
    if "at" in request and _parsed(request["at"]) is None:
        add("at", _('Must be a time such as "2026-11-24T10:00", in the organization\'s zone unless it names one.'))
    return problems


def _parsed(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any, facts: Facts) -> float:
    moment = _parsed(value) or clock.now()
    return (moment if moment.tzinfo else moment.replace(tzinfo=facts.zone)).timestamp()
