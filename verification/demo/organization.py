"""Makes the demonstration organization through the product's services. Made twice, it is still there once."""

from accounts.actors import person_actor
from accounts.contracts import OPERATOR, Actor
from accounts.models import Membership, Role, Team
from accounts.selectors import memberships_visible_to, organization_of, teams_visible_to
from accounts.services.administrators import Administrator, create_administrator
from accounts.services.members import add_member
from accounts.services.organizations import update_organization
from accounts.services.teams import add_team_member, create_team
from accounts.services.users import create_user, one_time_password
from verification.demo.enlisting import Enlisted, enlist
from verification.demo.story import PersonStory, Story, read_policies
from verification.demo.vault import Vault
from verification.models import DataClass, Policy, PolicyVersion
from verification.policies.document import document_value
from verification.selectors import containments_visible_to
from verification.services.containments import place_containment
from verification.services.data_classes import create_data_class
from verification.services.policies import activate_version, create_policy, shadow_version


def first_admin(story: Story) -> tuple[Membership, Administrator | None]:
    """The demonstration's admin, and the sign-in if that person is new: it exists only in this answer."""
    first = story.people[0]
    known = Membership.objects.filter(organization__name=story.organization, user__email=first.email).first()
    if known is not None:
        return known, None
    made = create_administrator(email=first.email, organization_name=story.organization, name=first.name)
    return made.membership, made


def prepare(story: Story, membership: Membership, vault: Vault) -> list[Enlisted]:
    """Make what is missing: people, teams, containments, policies and agents. Answers the agents that can ask."""
    admin = person_actor(membership, credential="demo")
    if organization_of(admin).timezone != story.timezone:
        update_organization(admin, timezone=story.timezone)
    for person in story.people:
        _person(admin, person)
    actors = {row.user.email: person_actor(row, credential="demo") for row in memberships_visible_to(admin)}
    teams = _teams(admin, story, actors)
    _containments(admin, story)
    _policies(admin, story)
    second = next(actors[person.email] for person in story.people[1:] if person.role == Role.ADMIN)
    agents = (
        enlist(agent, owner=actors[agent.owner], admins=(admin, second), teams=teams, vault=vault)
        for agent in story.agents
    )
    return [agent for agent in agents if agent is not None]


def _person(admin: Actor, person: PersonStory) -> None:
    if memberships_visible_to(admin).filter(user__email=person.email).exists():
        return
    # Nobody is told the password: these people are there to be acted for.
    user = create_user(
        OPERATOR,
        person.email,
        name=person.name,
        password=one_time_password(),
        organization_id=admin.organization_id,
    )
    add_member(admin, user, organization=organization_of(admin), role=Role(person.role))


def _teams(admin: Actor, story: Story, actors: dict[str, Actor]) -> dict[str, Team]:
    known = {team.name: team for team in teams_visible_to(admin)}
    for person in story.people:
        for name in person.teams:
            if name not in known:
                known[name] = create_team(admin, name)
            add_team_member(admin, known[name].id, user_id=actors[person.email].self_id)
    return {team.name: team for team in teams_visible_to(admin)}


def _containments(admin: Actor, story: Story) -> None:
    placed = {(row.kind, row.pattern) for row in containments_visible_to(admin)}
    for one in story.containments:
        # One that was placed and lifted again by a person stays lifted.
        if (one.kind, one.pattern) not in placed:
            place_containment(admin, kind=one.kind, pattern=one.pattern, reason=one.reason)


def _policies(admin: Actor, story: Story) -> None:
    """Those that are not there. What people have made of the others stays as they left it."""
    file = read_policies()
    classes = set(DataClass.objects.filter(organization_id=admin.scope).values_list("name", flat=True))
    for one in file.data_classes:
        if one.name not in classes:
            create_data_class(admin, name=one.name, patterns=one.patterns, description=one.description)
    known = set(Policy.objects.filter(organization_id=admin.scope).values_list("name", flat=True))
    for document in file.policies:
        if document.name in known:
            continue
        version = create_policy(admin, document_value(document), note="Made with the demonstration.")
        put = shadow_version if story.policies[document.name] == PolicyVersion.State.SHADOW else activate_version
        put(admin, version.policy_id, number=version.number)
