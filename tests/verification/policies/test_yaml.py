"""Policies as text: strict to read, and the same after being written and read again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.errors import InvalidInputError
from tests.verification.policies.test_effects import documents
from verification.policies.document import document_value, read_document
from verification.policies.yaml_files import DataClassText, PolicyFile, load_yaml, read_file, write_file

SENSITIVE = """\
data_classes:
  - name: sensitive
    patterns:
      - /app/config/**
policies:
  - name: Sensitive files require approval
    effect: require_approval
    match:
      data_classes:
        - sensitive
    auto_approve:
      - user_role:
          - admin
      - read_only: true
        working_hours:
          days:
            - mon
            - tue
            - wed
            - thu
            - fri
          from: 09:00
          to: '17:00'
    tests:
      - name: A developer reads the configuration during working hours
        request:
          action_type: file_read
          at: 2025-01-20T16:30
          resource: /app/config/config.json
          role: member
        expect: approved
  - name: Refunds over €500 need a person
    effect: require_approval
    match:
      actions:
        - refund
      where:
        - field: parameters.amount
          more_than: 500
          currency: EUR
    approval:
      roles:
        - manager
      count: 2
"""

names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)


@pytest.mark.requirement("W4.5")
def test_what_is_exported_is_what_was_imported_to_the_byte():
    assert write_file(read_file(SENSITIVE)) == SENSITIVE


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(names, documents), max_size=4, unique_by=lambda pair: pair[0].casefold()), names)
def test_every_policy_survives_the_way_through_a_file(pairs, description):
    policies = tuple(read_document({"name": name, "description": description, **document}) for name, document in pairs)
    file = PolicyFile(policies, (DataClassText("pii", ("/hr/**",), description),))
    text = write_file(file)
    again = read_file(text)
    assert again == file
    assert write_file(again) == text
    assert [read_document(document_value(policy)) for policy in policies] == list(policies)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policies: [", "Not valid YAML"),
        ("policies: []\npolicies: []", "policies is given twice"),
        ("policy: []", "Unknown field: policy"),
        ("policies:\n  - name: x\n    effect: deny\n    effects: 1", "policies[0].effects"),
        ("policies:\n  - name: x\n    effect: deny\n    match: {action: [x]}", "match.action"),
        ("policies:\n  - {name: x, effect: deny}\n  - {name: X, effect: deny}", "Given twice"),
        ("policies:\n  - &a {name: x, effect: deny}\n  - *a", "aliases are not taken"),
        ("policies: !!python/object:os.system []", "Not valid YAML"),
        ("policies:\n  - {name: x, effect: deny, match: {1: x}}", "must be text"),
        ("[]", "Must be an object"),
        ("x" * 2_000_001, "longer than"),
        ("policies: " + "[" * 5000, "Not valid YAML"),
        (
            """policies: [{name: x, effect: deny, tests: [{name: t, expect: denied,
              request: {action_type: x, resource: /x, parameters: {a: .inf}}}]}]""",
            "NaN and Infinity",
        ),
        ("policies:\n  - {name: x, effect: off}", "Choose one of deny"),
        ("policies:\n  - name: x\n    effect: deny\n    match: {where: [{field: parameters.x, is: .nan}]}", "Must be"),
    ],
)
def test_what_is_not_plain_is_refused(text, said):
    with pytest.raises(InvalidInputError) as refused:
        read_file(text)
    assert any(said in f"{problem.field} {problem.message}" for problem in refused.value.problems)


def test_dates_stay_text():
    assert load_yaml("a: 2026-12-25\nb: 2025-01-20T16:30\nc: 09:00") == {
        "a": "2026-12-25",
        "b": "2025-01-20T16:30",
        "c": "09:00",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"effect": "maybe"}, "effect"),
        ({"effect": None}, "effect"),
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"match": []}, "match"),
        ({"match": {"actions": ["fly"]}}, "match.actions[0]"),
        ({"match": {"capabilities": ["file_read"]}}, "match.capabilities[0]"),
        ({"match": {"resources": ["*"]}}, "match.resources[0]"),
        ({"match": {"resources": ["/a", "/a"]}}, "match.resources[1]"),
        ({"match": {"agents": ["agt_1"]}}, "match.agents[0]"),
        ({"match": {"teams": ["Finance"]}}, "match.teams[0]"),
        ({"match": {"tools": ["*"]}}, "match.tools[0]"),
        ({"match": {"where": [{"field": "secrets.x", "is": 1}]}}, "match.where[0].field"),
        ({"match": {"where": [{"field": "parameters..x", "is": 1}]}}, "match.where[0].field"),
        ({"match": {"where": [{"field": "parameters.x"}]}}, "match.where[0]"),
        ({"match": {"where": [{"field": "parameters.x", "is": 1, "is_not": 2}]}}, "match.where[0]"),
        ({"match": {"where": [{"field": "parameters.x", "more_than": "much"}]}}, "match.where[0].more_than"),
        ({"match": {"where": [{"field": "parameters.x", "one_of": []}]}}, "match.where[0].one_of"),
        ({"match": {"where": [{"field": "parameters.x", "is": 1, "currency": "euro"}]}}, "match.where[0].currency"),
        ({"effect": "deny", "auto_approve": [{"read_only": True}]}, "auto_approve"),
        ({"effect": "deny", "approval": {"count": 2}}, "approval"),
        ({"approval": {"count": 0}}, "approval.count"),
        ({"approval": {"roles": ["king"]}}, "approval.roles[0]"),
        ({"approval": {"expires_seconds": -1}}, "approval.expires_seconds"),
        ({"lifts_agent_list": True}, "lifts_agent_list"),
        ({"tests": [{"name": "x", "request": {}, "expect": "maybe"}]}, "tests[0].expect"),
        ({"effect": "allow", "match": {"where": [{"field": "context.x", "is": 1}]}}, "match.where[0].field"),
        (
            {"effect": "allow", "match": {"where": [{"field": "parameters.x", "is": 1, "when_missing": "met"}]}},
            "match.where[0].when_missing",
        ),
    ],
)
def test_every_mistake_is_named_with_its_place(change, field):
    with pytest.raises(InvalidInputError) as refused:
        read_document({"name": "x", "effect": "require_approval", **change})
    assert field in [problem.field for problem in refused.value.problems]


def test_all_mistakes_are_named_at_once():
    with pytest.raises(InvalidInputError) as refused:
        read_document({"effect": "no", "match": {"actions": ["fly"], "tools": ["*"]}, "extra": 1})
    assert {problem.field for problem in refused.value.problems} == {
        *("effect", "name", "match.actions[0]", "match.tools[0]", "extra"),
    }
