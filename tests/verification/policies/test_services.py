"""Who may change policies, how, and what stands in the record."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from accounts.actors import person_actor
from accounts.models import Membership, Role, User
from accounts.services.organizations import update_organization
from aim.errors import ConflictError, InvalidInputError, NotFoundError
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from tests.factories.ledger import entries, recorded
from tests.factories.threads import at_once
from tests.verification.policies.asking import in_force
from tests.verification.world import make_agent, make_organization
from verification.models import Policy, PolicyVersion
from verification.policy_selectors import policies_visible_to
from verification.services.data_classes import create_data_class, delete_data_class, update_data_class
from verification.services.policies import (
    PolicyNameTakenError,
    SecondPersonNeededError,
    activate_version,
    add_version,
    confirm_change,
    create_policy,
    delete_policy,
    retire_policy,
    shadow_version,
)

DENY = {"name": "No deletion", "effect": "deny", "match": {"actions": ["file_delete"]}}


def another_admin(organization):
    user = User.objects.create_user(email=f"{uuid4().hex}@example.com")
    membership = Membership.objects.create(organization=organization, user=user, role=Role.ADMIN)
    return person_actor(membership, credential="test")


@pytest.fixture
def world():
    return make_organization()


def states(policy_id):
    return list(PolicyVersion.objects.filter(policy_id=policy_id).order_by("number").values_list("state", flat=True))


@pytest.mark.requirement("W4.5")
def test_every_change_is_on_record(world):
    organization, admin = world
    with recorded(organization.id, Event.POLICY_CREATED) as added:
        version = create_policy(admin, DENY, note="asked for by audit")
    assert added[0]["data"] == {"version": 1, "document": DENY, "note": "asked for by audit"}
    assert added[0]["actor"]["id"] == admin.id.hex
    with recorded(organization.id, Event.POLICY_VERSION_CREATED) as added:
        add_version(admin, version.policy_id, DENY | {"effect": "require_approval"})
    assert added[0]["data"]["changes"] == [{"path": "effect", "before": "deny", "after": "require_approval"}]
    with recorded(organization.id, Event.POLICY_SHADOWED):
        shadow_version(admin, version.policy_id, number=2)
    with recorded(organization.id, Event.POLICY_ACTIVATED) as added:
        activate_version(admin, version.policy_id, number=1)
    assert added[0]["data"]["version_id"] == version.id.hex
    with recorded(organization.id, Event.POLICY_ACTIVATED) as added:
        activate_version(admin, version.policy_id, number=2)
    assert added[0]["data"]["replaces"] == 1
    assert states(version.policy_id) == ["retired", "active"]
    with recorded(organization.id, Event.POLICY_RETIRED):
        retire_policy(admin, version.policy_id)
    assert states(version.policy_id) == ["retired", "retired"]
    with recorded(organization.id):
        assert add_version(admin, version.policy_id, DENY | {"effect": "require_approval"}).number == 2


@pytest.mark.requirement("W4.5")
def test_versions_do_not_change_whoever_asks(world):
    _, admin = world
    version = create_policy(admin, DENY)
    for change in ({"document": {"name": "x", "effect": "allow"}}, {"number": 7}, {"author_label": "nobody"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            PolicyVersion.objects.filter(id=version.id).update(**change)
    PolicyVersion.objects.filter(id=version.id).update(state="retired")


@pytest.mark.requirement("W4.5")
def test_a_second_person_must_confirm_and_never_the_same(world):
    organization, admin = world
    second = another_admin(organization)
    update_organization(admin, policy_changes_need_second_person=True)
    agent = make_agent(admin)
    version = create_policy(admin, {"name": "Stop", "effect": "deny"})
    with recorded(organization.id, Event.POLICY_CHANGE_PROPOSED):
        policy = activate_version(admin, version.policy_id, number=1)
    assert (policy.proposed_change, policy.proposed_by_id) == ("activate", admin.id)
    assert agent.ask_natively().status == 200
    with pytest.raises(SecondPersonNeededError):
        confirm_change(admin, version.policy_id, number=1, accept=True)
    with pytest.raises(ConflictError):
        confirm_change(second, version.policy_id, number=2, accept=True)
    with recorded(organization.id, Event.POLICY_ACTIVATED) as added:
        confirm_change(second, version.policy_id, number=1, accept=True)
    assert added[0]["data"]["proposed_by"] == admin.id.hex
    assert agent.ask_natively().status == 403
    with pytest.raises(ConflictError):
        confirm_change(second, version.policy_id, number=1, accept=True)
    # Retiring what is in force takes two as well; declining takes one, the proposer among them.
    retire_policy(second, version.policy_id)
    assert agent.ask_natively().status == 403
    with recorded(organization.id, Event.POLICY_CHANGE_DECLINED):
        confirm_change(second, version.policy_id, number=1, accept=False)
    retire_policy(second, version.policy_id)
    confirm_change(admin, version.policy_id, number=1, accept=True)
    assert agent.ask_natively().status == 200


@pytest.mark.requirement("W4.5")
def test_the_second_person_is_not_switched_off_by_one(world):
    organization, admin = world
    update_organization(admin, policy_changes_need_second_person=True)
    for _ in range(2):
        assert update_organization(admin, policy_changes_need_second_person=False).policy_changes_need_second_person
    assert not update_organization(
        another_admin(organization), policy_changes_need_second_person=False
    ).policy_changes_need_second_person
    kinds = [entry["kind"] for entry in entries(organization.id)]
    assert kinds.count(Event.ORGANIZATION_UPDATED.value) == 3


def test_what_active_policies_mean_is_not_changed_by_one_either(world):
    organization, admin = world
    row = create_data_class(admin, name="secret", patterns=["/app/**"])
    in_force(admin, {"name": "P", "effect": "deny", "match": {"data_classes": ["secret"]}})
    update_data_class(admin, row.id, changes={"description": "what nobody may read"})
    update_organization(admin, policy_changes_need_second_person=True)
    with pytest.raises(ConflictError):
        update_data_class(admin, row.id, changes={"patterns": []})
    with pytest.raises(ConflictError):
        delete_data_class(admin, row.id)
    assert organization.data_classes.get().patterns == ["/app/**"]


@pytest.mark.requirement("W4.5")
def test_tests_inside_must_pass_before_it_is_in_force(world):
    _, admin = world
    failing = DENY | {
        "tests": [
            {"name": "deletes", "request": {"action_type": "file_delete", "resource": "/app/x"}, "expect": "denied"},
            {"name": "reads", "request": {"action_type": "file_read", "resource": "/app/x"}, "expect": "denied"},
        ]
    }
    version = create_policy(admin, failing)
    with pytest.raises(ConflictError) as refused:
        activate_version(admin, version.policy_id, number=1)
    assert [problem.message for problem in refused.value.problems] == ["reads: expected denied, got approved"]
    assert states(version.policy_id) == ["draft"]


def test_names_are_unique_and_unknown_things_are_refused(world):
    _, admin = world
    create_policy(admin, DENY)
    with pytest.raises(PolicyNameTakenError):
        create_policy(admin, DENY | {"name": "NO DELETION"})
    with pytest.raises(InvalidInputError) as refused:
        create_policy(admin, {"name": "x", "effect": "deny", "match": {"data_classes": ["secret"]}})
    assert refused.value.problems[0].message == "Unknown data class: secret"
    stranger = make_agent(make_organization()[1])
    for approver in (
        {"users": [show_id(IdKind.USER, make_organization()[1].id)]},
        {"agents": [stranger.agent.public_id]},
        {"teams": ["tea_" + "0" * 32]},
        {"users": ["somebody"]},
    ):
        with pytest.raises(InvalidInputError):
            create_policy(admin, {"name": "x", "effect": "require_approval", "approval": approver})
    bad_test = {"name": "t", "request": {"action_type": "file_read", "trust": 500}, "expect": "denied"}
    with pytest.raises(InvalidInputError) as refused:
        create_policy(admin, {"name": "x", "effect": "deny", "tests": [bad_test]})
    assert refused.value.problems[0].field == "tests[0].request"


@pytest.mark.requirement("R.1")
def test_another_organizations_policies_do_not_exist(world):
    _, admin = world
    _, stranger = make_organization()
    version = create_policy(admin, DENY)
    for change in (
        lambda: add_version(stranger, version.policy_id, DENY),
        lambda: shadow_version(stranger, version.policy_id, number=1),
        lambda: activate_version(stranger, version.policy_id, number=1),
        lambda: retire_policy(stranger, version.policy_id),
        lambda: confirm_change(stranger, version.policy_id, number=1, accept=True),
        lambda: delete_policy(stranger, version.policy_id),
    ):
        with pytest.raises(NotFoundError):
            change()
    assert not policies_visible_to(stranger).exists()


def test_only_drafts_are_deleted(world):
    _, admin = world
    version = create_policy(admin, DENY)
    delete_policy(admin, version.policy_id)
    assert not Policy.objects.filter(id=version.policy_id).exists()
    version = create_policy(admin, DENY)
    shadow_version(admin, version.policy_id, number=1)
    with pytest.raises(ConflictError):
        delete_policy(admin, version.policy_id)


def test_of_many_activations_at_once_one_version_is_active(world):
    _, admin = world
    version = create_policy(admin, DENY)
    for number in range(2, 7):
        add_version(admin, version.policy_id, DENY | {"description": str(number)})
    at_once(6, lambda index: activate_version(admin, version.policy_id, number=index + 1))
    assert states(version.policy_id).count("active") == 1


def test_data_classes_in_use_stay(world):
    organization, admin = world
    row = create_data_class(admin, name="pii", patterns=["/hr/**"])
    version = create_policy(admin, {"name": "P", "effect": "deny", "match": {"data_classes": ["pii"]}})
    with pytest.raises(ConflictError):
        delete_data_class(admin, row.id)
    delete_policy(admin, version.policy_id)
    with recorded(organization.id, Event.DATA_CLASS_DELETED):
        delete_data_class(admin, row.id)
    with pytest.raises(InvalidInputError):
        create_data_class(admin, name="PII!", patterns=["*"])
