"""Deny before approval before allow, whatever the policies are: compared with an evaluator that is plain and slow."""

from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.resources.patterns import compile_scope
from aim.resources.resource import normalize_resource
from tests.verification.policies.asking import AGENT, case, effect, judge
from verification.policies.compiled import AgentFacts
from verification.policies.conditions.registry import Facts
from verification.policies.terms import READ_ONLY_ACTIONS

CLASSES = MappingProxyType({"sensitive": ["/app/config/**"], "public": ["/www/**", "/app/config/open/**"]})
FACTS = Facts(
    roles={"usr_a": "admin", "usr_m": "member"}, data_classes={n: compile_scope(p) for n, p in CLASSES.items()}
)
ACTIONS = ["file_read", "file_write", "refund", "mcp_tool_call"]
RESOURCES = ["/app/config/x", "/app/config/open/y", "/www/index", "/etc/passwd"]
PATTERNS = ["/app/**", "/app/config/**", "/www/index", "/**"]
TAGS = ["production", "test"]
USERS = ["usr_a", "usr_m", "other"]
TOOLS = ["delete_all", "delete_one", "list"]
NUMBERS = [0, 99, 100, 500, 500.5, "500.01", "600", "many", True, None, [1], {"amount": 700, "currency": "EUR"}]

comparisons = st.one_of(
    st.builds(
        lambda operator, value, missing: {"field": "parameters.amount", operator: value} | missing,
        st.sampled_from(["more_than", "at_least", "less_than", "at_most", "is", "is_not"]),
        st.sampled_from([100, 500, "500.01", 500.5]),
        st.sampled_from([{}, {"when_missing": "not_met"}]),
    ),
    st.builds(lambda value: {"field": "parameters.kind", "one_of": value}, st.sampled_from([["a", "B"], ["c"]])),
    st.builds(lambda value: {"field": "parameters.deep.flag", "present": value}, st.booleans()),
)


def some(values):
    return st.lists(st.sampled_from(values), max_size=2, unique=True)


matches = st.fixed_dictionaries(
    {},
    optional={
        "actions": some(ACTIONS),
        "resources": some(PATTERNS),
        "data_classes": some(list(CLASSES)),
        "agent_tags": some(TAGS),
        "users": some(USERS),
        "tools": some(["delete_*", "list"]),
        "where": st.lists(comparisons, max_size=2),
    },
)
conditions = st.dictionaries(
    st.sampled_from(["read_only", "user_role", "trust_at_least", "data_class"]), st.none(), min_size=1, max_size=2
).map(
    lambda kinds: {
        kind: {"read_only": True, "user_role": ["admin"], "trust_at_least": 90, "data_class": ["public"]}[kind]
        for kind in kinds
    }
)
documents = st.one_of(
    st.fixed_dictionaries({"effect": st.sampled_from(["deny", "allow"]), "match": matches}),
    st.fixed_dictionaries(
        {"effect": st.just("require_approval"), "match": matches},
        optional={"auto_approve": st.lists(conditions, max_size=2)},
    ),
)
requests = st.fixed_dictionaries(
    {"action_type": st.sampled_from(ACTIONS), "resource": st.sampled_from(RESOURCES)},
    optional={
        "context": st.sampled_from([{"user_id": user} for user in USERS]),
        "tool": st.sampled_from(TOOLS),
        "parameters": st.fixed_dictionaries(
            {},
            optional={
                "amount": st.sampled_from(NUMBERS),
                "kind": st.sampled_from(["A", "b", "x", 1]),
                "deep": st.sampled_from([{"flag": 1}, {"flag": None}, {}, 5]),
            },
        ),
    },
)


def plain_number(value):
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def plain_comparison(comparison, parameters, restricts):
    *_, name = comparison["field"].split(".")
    if "present" in comparison:
        deep = parameters.get("deep")
        found = isinstance(deep, dict) and deep.get("flag") is not None
        return found is comparison["present"]
    unknown = restricts and comparison.get("when_missing") != "not_met"
    value = parameters.get(name)
    if "one_of" in comparison:
        if not isinstance(value, str):
            return unknown
        return value.lower() in [item.lower() for item in comparison["one_of"]]
    operator = next(key for key in comparison if key not in {"field", "when_missing"})
    wanted = comparison[operator]
    if operator in {"is", "is_not"} and isinstance(wanted, str):
        if not isinstance(value, str):
            return unknown
        return (value == wanted) is (operator == "is")
    left, right = plain_number(value), plain_number(wanted)
    if left is None:
        return unknown
    return {
        "more_than": left > right,
        "at_least": left >= right,
        "less_than": left < right,
        "at_most": left <= right,
        "is": left == right,
        "is_not": left != right,
    }[operator]


def plain_match(document, request, tags):
    match, restricts = document["match"], document["effect"] != "allow"
    place = normalize_resource(request["resource"])
    user = request.get("context", {}).get("user_id")
    checks = [
        not match.get("actions") or request["action_type"] in match["actions"],
        not match.get("resources") or any(compile_scope([p]).allows(place) for p in match["resources"]),
        not match.get("data_classes")
        or any(compile_scope([p]).allows(place) for name in match["data_classes"] for p in CLASSES[name]),
        not match.get("agent_tags") or any(tag in tags for tag in match["agent_tags"]),
        not match.get("users") or (user in match["users"] if user else restricts),
        not match.get("tools")
        or any(
            request.get("tool", "").startswith(t[:-1])
            if t.endswith("*") and "tool" in request
            else request.get("tool") == t
            for t in match["tools"]
        ),
    ]
    return all(checks) and all(
        plain_comparison(c, request.get("parameters", {}), restricts) for c in match.get("where", ())
    )


def plain_condition(kind, request, trust):
    place = normalize_resource(request["resource"])
    match kind:
        case "read_only":
            return request["action_type"] in READ_ONLY_ACTIONS
        case "user_role":
            return request.get("context", {}).get("user_id") == "usr_a"
        case "trust_at_least":
            return trust >= 90
        case _:
            return compile_scope(CLASSES["public"]).allows(place)


def plain_effect(policies, request, tags, trust):
    effects = set()
    for document in policies:
        if not plain_match(document, request, tags):
            continue
        said = document["effect"]
        lifted = any(
            all(plain_condition(kind, request, trust) for kind in one) for one in document.get("auto_approve", ())
        )
        effects.add("allow" if said == "require_approval" and lifted else said)
    return "denied" if "deny" in effects else "pending" if "require_approval" in effects else "approved"


@pytest.mark.requirement("W4.5")
@settings(max_examples=400, deadline=None)
@given(st.lists(documents, max_size=6), requests, st.sets(st.sampled_from(TAGS)), st.sampled_from([50, 90, 100]))
def test_compiled_policies_say_what_plain_reading_says(policies, request, tags, trust):
    agent = AgentFacts(AGENT, "bot", frozenset(tags))
    verdict = judge(policies, case(trust=trust, **request), FACTS, agent)
    assert effect(verdict) == plain_effect(policies, request, tags, trust)


@pytest.mark.requirement("W4.5")
@settings(max_examples=100, deadline=None)
@given(st.lists(documents, max_size=5), requests, st.integers(0, 5))
def test_a_denial_that_applies_always_wins(policies, request, place):
    policies.insert(min(place, len(policies)), {"effect": "deny", "match": {}})
    assert effect(judge(policies, case(**request), FACTS)) == "denied"


@settings(max_examples=100, deadline=None)
@given(st.lists(documents, min_size=2, max_size=5), requests, st.randoms())
def test_the_order_of_policies_says_nothing(policies, request, random):
    shuffled = list(policies)
    random.shuffle(shuffled)
    asked = case(**request)
    assert effect(judge(policies, asked, FACTS)) == effect(judge(shuffled, asked, FACTS))
