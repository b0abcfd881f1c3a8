"""Comparisons by type, and what is missing or cannot be compared."""

import pytest

from tests.verification.policies.asking import case, effect, judge
from verification.policies.conditions.registry import Facts


def refund(operator, value, parameters, effect_name="deny", **options):
    comparison = {"field": "parameters.amount", operator: value, **options}
    document = {"effect": effect_name, "match": {"where": [comparison]}, "lifts_agent_list": effect_name == "allow"}
    asked = case(action_type="refund", resource="order:1", parameters=parameters)
    return judge([document], asked)


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"amount": 500}, "approved"),
        ({"amount": 500.01}, "denied"),
        ({"amount": "500.01"}, "denied"),
        ({"amount": "500.000000000000001"}, "denied"),
        ({"amount": "0500"}, "approved"),
        ({"amount": 9007199254740991}, "denied"),
        # What is missing or no number counts against the request.
        ({}, "denied"),
        ({"amount": None}, "denied"),
        ({"amount": "1e9"}, "denied"),
        ({"amount": "５００"}, "denied"),
        ({"amount": "500,00"}, "denied"),
        ({"amount": True}, "denied"),
        ({"amount": [1]}, "denied"),
        ({"amount": {"value": 1}}, "denied"),
    ],
)
def test_refunds_over_500_are_found_however_they_are_written(parameters, expected):
    assert effect(refund("more_than", 500, parameters)) == expected


@pytest.mark.parametrize("parameters", [{}, {"amount": "much"}, {"amount": True}])
def test_what_is_missing_allows_nothing(parameters):
    assert not refund("at_most", 500, parameters, "allow").lifts_agent_list
    assert refund("at_most", 500, {"amount": 5}, "allow").lifts_agent_list


def test_a_missing_field_may_be_passed_over_where_the_policy_says_so():
    assert effect(refund("more_than", 500, {}, when_missing="not_met")) == "approved"
    assert effect(refund("more_than", 500, {}, when_missing="met")) == "denied"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"amount": 501, "currency": "EUR"}, "denied"),
        ({"amount": 499, "currency": "eur"}, "approved"),
        ({"amount": {"amount": "499.99", "currency": "EUR"}}, "approved"),
        ({"amount": {"amount": "500.01", "currency": "EUR"}}, "denied"),
        # 499 of another currency may be more.
        ({"amount": 499, "currency": "KWD"}, "denied"),
        ({"amount": 499}, "denied"),
    ],
)
def test_money_is_compared_in_its_currency(parameters, expected):
    assert effect(refund("more_than", "500.00", parameters, currency="EUR")) == expected


@pytest.mark.parametrize(
    ("comparison", "parameters", "met"),
    [
        ({"is": "EU"}, {"x": "eu"}, True),
        ({"is": "EU"}, {"x": "us"}, False),
        ({"is": 5}, {"x": 5.0}, True),
        ({"is": 5}, {"x": "5"}, True),
        ({"is": True}, {"x": True}, True),
        ({"is": True}, {"x": False}, False),
        ({"is": True}, {"x": 1}, True),  # not a truth value: unknown, and so against the request
        ({"is_not": "EU"}, {"x": "us"}, True),
        ({"is_not": "EU"}, {"x": "eu"}, False),
        ({"one_of": ["a", 2]}, {"x": "A"}, True),
        ({"one_of": ["a", 2]}, {"x": 2}, True),
        ({"one_of": ["a", 2]}, {"x": "b"}, False),
        ({"none_of": ["a"]}, {"x": "a"}, False),
        ({"none_of": ["a"]}, {"x": "b"}, True),
        ({"contains": "ssn"}, {"x": ["name", "SSN"]}, True),
        ({"contains": "ssn"}, {"x": ["name"]}, False),
        ({"contains": "drop"}, {"x": "DROP TABLE"}, True),
        ({"contains": "drop"}, {"x": "select"}, False),
        ({"starts_with": "prod"}, {"x": "PROD-1"}, True),
        ({"ends_with": ".exe"}, {"x": "a.txt"}, False),
        ({"present": True}, {"x": 0}, True),
        ({"present": True}, {}, False),
        ({"present": False}, {"x": None}, True),
    ],
)
def test_each_way_to_compare(comparison, parameters, met):
    document = {"effect": "deny", "match": {"where": [{"field": "parameters.x", **comparison}]}}
    assert (effect(judge([document], case(parameters=parameters))) == "denied") is met


def test_data_and_context_are_compared():
    by_bytes = {"effect": "deny", "match": {"where": [{"field": "data.bytes", "more_than": 100}]}}
    assert effect(judge([by_bytes], case(data={"bytes": 101}))) == "denied"
    assert effect(judge([by_bytes], case(data={"bytes": 100}))) == "approved"
    # Nothing said of the volume is not a small volume.
    assert effect(judge([by_bytes], case())) == "denied"
    fields = {"effect": "deny", "match": {"where": [{"field": "data.fields", "contains": "ssn"}]}}
    assert effect(judge([fields], case(data={"fields": ["ssn"]}))) == "denied"
    assert effect(judge([fields], case(data={"fields": ["name"]}))) == "approved"
    context = {"effect": "deny", "match": {"where": [{"field": "context.environment", "is": "production"}]}}
    assert effect(judge([context], case(context={"environment": "test"}))) == "approved"
    assert effect(judge([context], case(context={"environment": "production"}))) == "denied"


def test_a_class_of_data_that_nobody_describes_could_be_anything():
    asking = {"effect": "require_approval", "match": {"data_classes": ["secret"]}}
    assert effect(judge([asking], case(), Facts())) == "pending"
    lifting = {"effect": "allow", "match": {"data_classes": ["secret"]}, "lifts_agent_list": True}
    assert not judge([lifting], case(), Facts()).lifts_agent_list


def test_a_request_that_names_no_user_could_be_of_any():
    document = {"effect": "deny", "match": {"users": ["usr_x"]}}
    assert effect(judge([document], case())) == "denied"
    assert effect(judge([document], case(context={"user_id": "usr_y"}))) == "approved"
