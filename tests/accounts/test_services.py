"""Each change: the row, and exactly one entry in the ledger."""

from datetime import timedelta

import pytest

from accounts.contracts import OPERATOR
from accounts.errors import AlreadyMemberError, LastAdminError, NameTakenError, PermissionDeniedError
from accounts.models import Membership, Organization, PersonalToken, Role, Team
from accounts.services.members import add_member, change_role, remove_member
from accounts.services.organizations import create_organization, set_organization_status, update_organization
from accounts.services.passwords import change_password
from accounts.services.teams import add_team_member, create_team, delete_team, remove_team_member, rename_team
from accounts.services.tokens import create_token, revoke_token
from accounts.services.users import create_user
from aim import clock
from aim.errors import InvalidInputError, NotFoundError
from aim.ledger.events import Event
from tests.factories.accounts import PASSWORD, make_organization, make_person, unique
from tests.factories.agents import make_agent
from tests.factories.ledger import entries, recorded
from tests.factories.threads import at_once


@pytest.fixture
def admin():
    return make_person(make_organization())


def test_create_organization_records_it():
    organization = create_organization(OPERATOR, unique("Org"))
    [entry] = entries(organization.id)
    assert entry["kind"] == Event.ORGANIZATION_CREATED
    assert entry["actor"]["kind"] == "operator"
    with pytest.raises(NameTakenError):
        create_organization(OPERATOR, organization.name)


def test_update_organization_records_before_and_after(admin):
    with recorded(admin.organization.id, Event.ORGANIZATION_UPDATED) as added:
        update_organization(admin.actor, timezone="Europe/Berlin")
    assert added[0]["data"]["changes"] == {"timezone": {"before": "UTC", "after": "Europe/Berlin"}}
    with recorded(admin.organization.id):
        update_organization(admin.actor, timezone="Europe/Berlin")
        with pytest.raises(InvalidInputError, match="Unknown time zone"):
            update_organization(admin.actor, timezone="Mars/Olympus")


def test_set_organization_status_records_the_reason(admin):
    with recorded(admin.organization.id, Event.ORGANIZATION_STATUS_CHANGED) as added:
        set_organization_status(OPERATOR, admin.organization, status=Organization.Status.DISABLED, reason="unpaid")
    assert added[0]["data"] == {"before": "active", "after": "disabled", "reason": "unpaid"}


def test_create_user_and_add_member_are_one_entry_each(admin):
    with recorded(admin.organization.id, Event.USER_CREATED):
        user = create_user(
            admin.actor, f"{unique('p')}@example.com", password="x", organization_id=admin.organization.id
        )
    assert user.must_change_password
    with recorded(admin.organization.id, Event.MEMBERSHIP_CREATED) as added:
        add_member(admin.actor, user, organization=admin.organization, role=Role.VIEWER)
    assert added[0]["data"] == {"role": "viewer"}
    with recorded(admin.organization.id), pytest.raises(AlreadyMemberError):
        add_member(admin.actor, user, organization=admin.organization, role=Role.ADMIN)
    with pytest.raises(NameTakenError):
        create_user(admin.actor, user.email.upper(), password="x", organization_id=admin.organization.id)


def test_people_cannot_add_to_another_organization(admin):
    stranger = make_person(make_organization())
    with pytest.raises(NotFoundError):
        add_member(stranger.actor, stranger.user, organization=admin.organization, role=Role.ADMIN)
    with pytest.raises(NotFoundError):
        remove_member(stranger.actor, admin.user.id, organization_id=admin.organization.id)


def test_change_role_records_before_and_after(admin):
    other = make_person(admin.organization, Role.VIEWER)
    with recorded(admin.organization.id, Event.MEMBERSHIP_ROLE_CHANGED) as added:
        change_role(admin.actor, other.user.id, organization_id=admin.organization.id, role=Role.MANAGER)
    assert added[0]["data"] == {"before": "viewer", "after": "manager"}
    assert Membership.objects.get(id=other.membership.id).role == Role.MANAGER


def test_the_last_admin_stays(admin):
    with recorded(admin.organization.id):
        with pytest.raises(LastAdminError):
            remove_member(admin.actor, admin.user.id, organization_id=admin.organization.id)
        with pytest.raises(LastAdminError):
            change_role(admin.actor, admin.user.id, organization_id=admin.organization.id, role=Role.VIEWER)


def test_two_admins_cannot_remove_each_other_at_once(admin):
    other = make_person(admin.organization)
    pairs = [(admin.actor, other.user.id), (other.actor, admin.user.id)]
    results = at_once(
        2, lambda index: remove_member(pairs[index][0], pairs[index][1], organization_id=admin.organization.id)
    )
    assert sorted(type(result).__name__ for result in results) == ["LastAdminError", "NoneType"]
    assert Membership.objects.filter(organization=admin.organization, role=Role.ADMIN).count() == 1


def test_remove_member_names_what_ended_with_it(admin):
    other = make_person(admin.organization, Role.MEMBER)
    team = create_team(admin.actor, "Team")
    add_team_member(admin.actor, team.id, user_id=other.user.id)
    with recorded(admin.organization.id, Event.MEMBERSHIP_REMOVED) as added:
        remove_member(admin.actor, other.user.id, organization_id=admin.organization.id)
    assert added[0]["data"] == {
        "role": "member",
        "sessions_ended": 0,
        "tokens_ended": [other.token[:13]],
        "teams_left": ["Team"],
    }
    assert not PersonalToken.objects.filter(membership_id=other.membership.id).exists()


def test_teams_from_creation_to_deletion(admin):
    organization_id = admin.organization.id
    with recorded(organization_id, Event.TEAM_CREATED):
        team = create_team(admin.actor, "Platform")
    with recorded(organization_id), pytest.raises(NameTakenError):
        create_team(admin.actor, "PLATFORM")
    with recorded(organization_id, Event.TEAM_CHANGED):
        rename_team(admin.actor, team.id, name="Core")
    with recorded(organization_id, Event.TEAM_CHANGED) as added:
        add_team_member(admin.actor, team.id, user_id=admin.user.id)
        add_team_member(admin.actor, team.id, user_id=admin.user.id)
    assert added[0]["data"]["added"]["label"] == admin.user.email
    with recorded(organization_id, Event.TEAM_CHANGED):
        remove_team_member(admin.actor, team.id, user_id=admin.user.id)
    with recorded(organization_id, Event.TEAM_REMOVED):
        delete_team(admin.actor, team.id)
    assert not Team.objects.filter(id=team.id).exists()


@pytest.mark.requirement("W2.5")
def test_a_teams_people_raise_the_epoch_of_agents(admin):
    team = create_team(admin.actor, "Team")
    agent = make_agent(admin.actor, access_scope_kind="teams", access_scope_ids=[team.public_id]).agent
    steps = [
        lambda: add_team_member(admin.actor, team.id, user_id=admin.user.id),
        lambda: remove_team_member(admin.actor, team.id, user_id=admin.user.id),
        lambda: delete_team(admin.actor, team.id),
    ]
    for step in steps:
        before = agent.runtime.epoch
        step()
        agent.runtime.refresh_from_db()
        assert agent.runtime.epoch == before + 1


def test_tokens_are_kept_as_digests_only(admin):
    with recorded(admin.organization.id, Event.TOKEN_CREATED) as added:
        token, secret = create_token(
            admin.actor,
            "ci",
            membership=admin.membership,
            scopes=["agents:read"],
            expires_at=clock.now() + timedelta(1),
        )
    row = PersonalToken.objects.filter(id=token.id).values().get()
    assert secret.text not in str(row)
    assert secret.text not in str(added)
    assert added[0]["data"]["scopes"] == ["agents:read"]
    with recorded(admin.organization.id, Event.TOKEN_REVOKED):
        revoke_token(admin.actor, token.id)
    with recorded(admin.organization.id), pytest.raises(NotFoundError):
        revoke_token(admin.actor, token.id)


@pytest.mark.requirement("R.6")
@pytest.mark.parametrize(
    ("scopes", "days", "field"),
    [([], 1, "scopes"), (["members:write"], 1, "scopes"), (["nonsense"], 1, "scopes"), (["*"], 400, "expires_at")],
)
def test_a_token_has_no_more_rights_than_its_maker(admin, scopes, days, field):
    manager = make_person(admin.organization, Role.MANAGER)
    with recorded(admin.organization.id), pytest.raises(InvalidInputError) as caught:
        create_token(
            manager.actor,
            "ci",
            membership=manager.membership,
            scopes=scopes,
            expires_at=clock.now() + timedelta(days=days),
        )
    assert {problem.field for problem in caught.value.problems} == {field}


def test_change_password_needs_the_current_one(admin):
    with recorded(admin.organization.id):
        for current, new, field in [
            ("wrong", "another long sentence", "current_password"),
            (PASSWORD, PASSWORD, "new_password"),
            (PASSWORD, "short", "new_password"),
            (PASSWORD, admin.user.email, "new_password"),
        ]:
            with pytest.raises(InvalidInputError) as caught:
                change_password(admin.actor, current=current, new=new)
            assert caught.value.problems[0].field == field
    with recorded(admin.organization.id, Event.USER_PASSWORD_CHANGED) as added:
        user = change_password(admin.actor, current=PASSWORD, new="another long sentence")
    assert user.check_password("another long sentence")
    assert "another long sentence" not in str(added)


def test_services_refuse_those_without_the_permission(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    with recorded(admin.organization.id):
        for attempt in [
            lambda: create_team(viewer.actor, "Team"),
            lambda: update_organization(viewer.actor, name="Mine"),
            lambda: change_role(viewer.actor, viewer.user.id, organization_id=viewer.organization.id, role=Role.ADMIN),
            lambda: remove_member(viewer.actor, admin.user.id, organization_id=viewer.organization.id),
            lambda: create_organization(viewer.actor, "Mine"),
        ]:
            with pytest.raises(PermissionDeniedError):
                attempt()
