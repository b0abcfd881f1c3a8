"""The rows of the editor say the same as the document, both ways."""

import pytest
from django.http import QueryDict
from django.urls import reverse

from accounts.models import Role
from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import signed_in_browser
from verification.models import DataClass, Policy
from verification.policies.document import document_value, read_document
from verification.policies.form import document_from, join, read_condition, rows_from, rows_of, show_condition, split
from verification.services.policies import activate_version, create_policy
from verification.views.policy_editor import EXAMPLES

DOCUMENTS = [
    *EXAMPLES.values(),
    {"name": "Everything", "effect": "deny"},
    {"name": "Lift", "effect": "allow", "lifts_agent_list": True, "match": {"agents": ["a,b", 'quo"ted']}},
    {
        "name": "All",
        "effect": "require_approval",
        "description": "Two\nlines",
        "tags": ["finance", "eu"],
        "match": {
            "actions": ["file_read", "refund"],
            "resources": ["/app/**", "https://example.com/a,b"],
            "where": [
                {"field": "parameters.amount", "at_least": "500.01", "currency": "EUR", "when_missing": "met"},
                {"field": "parameters.code", "is": "5"},
                {"field": "parameters.code", "is_not": 5},
                {"field": "parameters.kind", "one_of": ["5", 5, True, "a, b"]},
                {"field": "parameters.flag", "is": True},
                {"field": "data.fields", "contains": "iban"},
                {"field": "parameters.note", "present": False, "when_missing": "not_met"},
            ],
        },
        "auto_approve": [
            {"trust_at_least": 90, "address_in": ["10.0.0.0/8", "192.168.1.0/24"]},
            {"amount_at_most": {"field": "parameters.amount", "value": 10, "currency": "EUR"}},
            {
                "working_hours": {"days": ["mon"], "from": "22:00", "to": "06:00", "except": ["2026-12-25"]},
                "data_class": ["public"],
            },
            {"recurrence": {"from": "09:00", "to": "17:00", "days_of_month": [1, -1]}},
        ],
        "approval": {"roles": ["admin"], "count": 2, "exclude_owner": True, "expires_seconds": 90},
        "tests": [{"name": "T", "request": {"action_type": "refund", "resource": "a:1"}, "expect": "pending"}],
    },
]


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize("value", DOCUMENTS, ids=lambda value: value["name"])
def test_a_document_is_the_same_after_it_has_been_rows(value):
    document = document_value(read_document(value))
    assert document_value(read_document(document_from(rows_of(document), document))) == document


@pytest.mark.parametrize("value", [None, 5, [], {"match": 3, "auto_approve": ["x"], "approval": [], "tags": "a"}])
def test_rows_of_anything_fail_nowhere(value):
    assert isinstance(document_from(rows_of(value), value), dict)


def test_values_with_commas_keep_them():
    assert split('/a, "b, c",\n d') == ["/a", "b, c", "d"]
    assert split(join(["b, c", 'say "x"', "plain"])) == ["b, c", 'say "x"', "plain"]


def test_a_condition_that_is_not_understood_stays_text_for_the_rules_to_refuse():
    assert read_condition("working_hours", "always") == "always"
    assert read_condition("read_only", "") is True
    assert show_condition("read_only", False) == "false"


def test_blank_rows_stay_while_somebody_types_and_say_nothing():
    rows = rows_from(QueryDict("name=X&effect=deny&match_name=actions&match_values=&where_field=&where_operator=is"))
    assert len(rows.match) == len(rows.where) == 1
    assert document_from(rows, {}) == {"name": "X", "effect": "deny"}


@pytest.fixture
def admin():
    return make_person(make_organization())


def refunds(admin):
    return create_policy(admin.actor, EXAMPLES["exports"]).policy


@pytest.mark.requirement("R.1")
@pytest.mark.parametrize("name", ["policy-detail", "policy-edit", "policy-dry-run"])
def test_another_organizations_policy_is_not_found(admin, name):
    policy = refunds(make_person(make_organization()))
    address = reverse(f"verification:{name}", args=[policy.public_id])
    browser = signed_in_browser(admin)
    answer = browser.post(address) if name == "policy-dry-run" else browser.get(address)
    assert answer.status_code == 404
    for verb in ("activate", "shadow", "retire", "delete", "confirm", "decline"):
        assert browser.post(reverse("verification:policy-act", args=[policy.public_id, verb])).status_code == 404
    assert Policy.objects.filter(id=policy.id).exists()


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_who_may_not_write_is_refused(admin, role):
    policy = refunds(admin)
    browser = signed_in_browser(make_person(admin.organization, role))
    assert browser.get(reverse("verification:policy-list")).status_code == 200
    assert browser.get(reverse("verification:policy-new")).status_code == 403
    assert browser.post(reverse("verification:policy-import"), {"yaml": "policies: []"}).status_code == 403
    assert browser.post(reverse("verification:policy-act", args=[policy.public_id, "activate"])).status_code == 403
    assert browser.post(reverse("verification:data-class-new"), {"name": "x"}).status_code == 403


def test_an_unknown_act_is_not_found(admin):
    policy = refunds(admin)
    assert signed_in_browser(admin).get(f"/dashboard/policies/{policy.public_id}/explode").status_code == 404


def test_the_list_filters_all_rows_and_says_how_many(admin):
    version = create_policy(admin.actor, EXAMPLES["refunds"])
    activate_version(admin.actor, version.policy_id, number=1)
    refunds(admin)
    browser, address = signed_in_browser(admin), reverse("verification:policy-list")
    assert (
        browser.get(address, {"state": "active"}).context["listing"].rows[0].policy.name == EXAMPLES["refunds"]["name"]
    )
    found = browser.get(address, {"q": "records", "effect": "deny"})
    assert [row.policy.name for row in found.context["listing"].rows] == [EXAMPLES["exports"]["name"]]
    assert b"No policies match your filters." in browser.get(address, {"q": "zebra"}).content


@pytest.mark.requirement("W4.5")
def test_what_is_exported_is_imported_after_a_look(admin):
    create_policy(admin.actor, EXAMPLES["refunds"])
    text = signed_in_browser(admin).get(reverse("verification:policy-export")).content.decode()
    other = make_person(make_organization())
    browser, address = signed_in_browser(other), reverse("verification:policy-import")
    looked = browser.post(address, {"yaml": text})
    assert looked.status_code == 200
    assert not Policy.objects.filter(organization=other.organization).exists()
    assert browser.post(address, {"yaml": text, "confirmed": "yes"}).status_code == 303
    assert Policy.objects.get(organization=other.organization).name == EXAMPLES["refunds"]["name"]
    refused = browser.post(address, {"yaml": "policies: [{name: X, effect: forbid}]"})
    assert refused.status_code == 422
    assert b"policies[0].effect" in refused.content


def test_data_classes_are_made_changed_and_deleted(admin):
    browser = signed_in_browser(admin)
    new = reverse("verification:data-class-new")
    assert browser.post(new, {"name": "Sensitive Things!", "patterns": "/a"}).status_code == 422
    assert browser.post(new, {"name": "sensitive", "patterns": "/app/config/**\n\n/srv/**"}).status_code == 303
    made = DataClass.objects.get(organization=admin.organization)
    assert made.patterns == ["/app/config/**", "/srv/**"]
    edit = reverse("verification:data-class-edit", args=[made.public_id])
    assert browser.post(edit, {"patterns": "/srv/**", "description": "HR"}).status_code == 303
    create_policy(admin.actor, {"name": "P", "effect": "deny", "match": {"data_classes": ["sensitive"]}})
    delete = reverse("verification:data-class-delete", args=[made.public_id])
    refused = browser.post(delete)
    assert refused.status_code == 422
    assert b"Policies go by this data class: P." in refused.content
    Policy.objects.filter(organization=admin.organization).delete()
    assert browser.post(delete).status_code == 303
