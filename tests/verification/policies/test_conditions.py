"""Each condition for auto-approval, among them the clock on the days when it changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from aim.errors import InvalidInputError
from aim.resources.patterns import compile_scope
from tests.verification.policies.asking import case, effect, judge
from verification.policies.conditions.registry import CONDITIONS, Condition, Facts, register
from verification.policies.document import read_document

BERLIN = ZoneInfo("Europe/Berlin")
NINE_TO_FIVE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}


def approved(conditions, asked, **facts):
    document = {"effect": "require_approval", "auto_approve": [conditions]}
    return effect(judge([document], asked, Facts(**facts))) == "approved"


def at(text, zone=BERLIN):
    return case(now=datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-23T09:00", True),
        ("2026-11-23T08:59:59", False),
        ("2026-11-23T16:59:59", True),
        ("2026-11-23T17:00", False),
        ("2026-11-22T12:00", False),  # a Sunday
        ("2026-12-25T12:00", False),  # a holiday
        # The Mondays after the clocks changed in Berlin, summer and winter.
        ("2026-03-30T09:00", True),
        ("2026-03-30T08:30", False),
        ("2026-10-26T09:00", True),
        ("2026-10-26T08:30", False),
    ],
)
def test_working_hours_are_those_of_the_wall(moment, inside):
    hours = NINE_TO_FIVE | {"except": ["2026-12-25"]}
    assert approved({"working_hours": hours}, at(moment), zone=BERLIN) is inside


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        # On 29 March 2026 Berlin goes from 02:00 to 03:00: half past two does not exist.
        ("2026-03-29T00:59:00", False),  # 01:59
        ("2026-03-29T01:00:00", True),  # 03:00
        # On 25 October 2026 it is half past two twice.
        ("2026-10-25T00:30:00", True),
        ("2026-10-25T01:30:00", True),
        ("2026-10-25T02:30:00", True),  # 03:30
        ("2026-10-25T03:00:00", False),  # 04:00
    ],
)
def test_hours_on_the_days_when_the_clocks_change(utc, inside):
    hours = {"days": ["sun"], "from": "02:00", "to": "04:00"}
    assert approved({"working_hours": hours}, at(utc, ZoneInfo("UTC")), zone=BERLIN) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-27T22:00", True),  # Friday
        ("2026-11-28T05:59", True),  # still Friday's
        ("2026-11-28T06:00", False),
        ("2026-11-28T23:00", False),  # Saturday's would begin
        ("2026-11-27T05:00", False),  # Thursday's
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, inside):
    hours = {"days": ["fri"], "from": "22:00", "to": "06:00"}
    assert approved({"working_hours": hours}, at(moment), zone=BERLIN) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-30T01:30", True),
        ("2026-11-29T01:30", False),
        ("2026-02-28T01:30", True),
        ("2028-02-28T01:30", False),
        ("2026-12-01T01:30", True),
        ("2026-12-01T03:00", False),
    ],
)
def test_recurring_times_know_the_last_day_of_the_month(moment, inside):
    window = {"days_of_month": [1, -1], "from": "01:00", "to": "03:00"}
    assert approved({"recurrence": window}, at(moment), zone=BERLIN) is inside


def test_recurring_times_know_months():
    window = {"months": [1], "from": "00:00", "to": "24:00"}
    assert approved({"recurrence": window}, at("2026-01-31T23:59"), zone=BERLIN)
    assert not approved({"recurrence": window}, at("2026-02-01T00:00"), zone=BERLIN)


@pytest.mark.requirement("W4.5")
def test_the_user_is_what_our_own_table_says():
    roles = {"usr_a": "admin"}
    conditions = {"user_role": ["admin"]}
    assert approved(conditions, case(context={"user_id": "usr_a"}), roles=roles)
    for context in ({"user_id": "usr_b", "role": "admin"}, {"user_id": "USR_A"}, {"role": "admin"}, {}):
        assert not approved(conditions, case(context=context), roles=roles)


def test_read_only_is_what_the_catalogue_says():
    assert approved({"read_only": True}, case(action_type="database_query"))
    assert approved({"read_only": True}, case(action_type="repository_read"))
    for action in ("file_delete", "shell_command", "invented_read", "web_browse"):
        assert not approved({"read_only": True}, case(action_type=action))


def test_trust_address_data_and_amount():
    assert approved({"trust_at_least": 90}, case(trust="90.00"))
    assert not approved({"trust_at_least": 90}, case(trust="89.99"))
    assert not approved({"trust_at_least": 0}, case(trust=None))
    assert approved({"address_in": ["10.0.0.0/8"]}, case(address="10.1.2.3"))
    assert approved({"address_in": ["10.0.0.0/8"]}, case(address="::ffff:10.1.2.3"))
    assert not approved({"address_in": ["10.0.0.0/8"]}, case(address="unknown"))
    classes = {"public": compile_scope(["/www/**"])}
    assert approved({"data_class": ["public"]}, case(resource="/www/x"), data_classes=classes)
    assert not approved({"data_class": ["public"]}, case(), data_classes=classes)
    small = {"amount_at_most": {"field": "parameters.amount", "value": "100.00", "currency": "EUR"}}
    assert approved(small, case(parameters={"amount": 100, "currency": "EUR"}))
    assert not approved(small, case(parameters={"amount": "100.01", "currency": "EUR"}))
    assert not approved(small, case(parameters={"amount": 1, "currency": "USD"}))
    assert not approved(small, case())


def test_of_one_alternative_all_must_hold_and_of_the_alternatives_one():
    document = {
        "effect": "require_approval",
        "auto_approve": [{"trust_at_least": 100}, {"read_only": True, "address_in": ["10.0.0.0/8"]}],
    }
    assert effect(judge([document], case(trust=100, action_type="file_write"))) == "approved"
    assert effect(judge([document], case(trust=50, address="10.0.0.1"))) == "approved"
    assert effect(judge([document], case(trust=50))) == "pending"


@pytest.mark.parametrize(
    ("conditions", "field"),
    [
        ({"moon": True}, "auto_approve[0].moon"),
        ({}, "auto_approve[0]"),
        ({"read_only": False}, "auto_approve[0].read_only"),
        ({"user_role": ["king"]}, "auto_approve[0].user_role"),
        ({"user_role": "admin"}, "auto_approve[0].user_role"),
        ({"working_hours": {"days": [], "from": "9", "to": "17:00"}}, "auto_approve[0].working_hours"),
        ({"working_hours": NINE_TO_FIVE | {"to": "09:00"}}, "auto_approve[0].working_hours"),
        ({"working_hours": NINE_TO_FIVE | {"except": ["tomorrow"]}}, "auto_approve[0].working_hours"),
        ({"recurrence": {"days_of_month": [0], "from": "01:00", "to": "02:00"}}, "auto_approve[0].recurrence"),
        ({"trust_at_least": True}, "auto_approve[0].trust_at_least"),
        ({"address_in": ["10.0.0.1/8"]}, "auto_approve[0].address_in"),
        ({"data_class": []}, "auto_approve[0].data_class"),
        ({"amount_at_most": {"field": "context.amount", "value": 1}}, "auto_approve[0].amount_at_most"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_their_place(conditions, field):
    with pytest.raises(InvalidInputError) as refused:
        read_document({"name": "x", "effect": "require_approval", "auto_approve": [conditions]})
    assert field in [problem.field for problem in refused.value.problems]


def test_a_condition_that_breaks_does_not_hold(monkeypatch):
    asked = case()
    broken = {"working_hours": NINE_TO_FIVE}
    assert not approved(broken, type(asked)(asked.request, asked.agent, asked.origin, float("inf")))


def test_a_kind_is_taken_once():
    with pytest.raises(RuntimeError):
        register(CONDITIONS["read_only"])
    assert all(isinstance(one, Condition) for one in CONDITIONS.values())
    assert set(CONDITIONS) == {
        *("user_role", "read_only", "working_hours", "trust_at_least", "address_in", "data_class", "amount_at_most"),
        "recurrence",
    }
