"""Which policies an agent's page lists: those that decisions go by, and no others."""

import pytest
from django.urls import reverse

from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.verification.world import make_agent
from verification.models import Policy, PolicyVersion
from verification.policy_tab import policies_for


@pytest.fixture
def admin():
    return make_person(make_organization())


def write(admin, name, effect="deny", *, shadow=False, **match):
    """A policy in force, or in the shadow."""
    api = Api(admin.token)
    policy = api.post("/policies", {"document": {"name": name, "effect": effect, "match": match}}).json()
    answer = api.post(f"/policies/{policy['id']}/{'shadow' if shadow else 'activate'}", {"version": 1})
    assert answer.status_code < 300, answer.content
    return policy["id"]


def names(person, made) -> list[tuple[str, str, bool]]:
    return [(one.name, one.effect, one.shadow) for one in policies_for(person.actor, made.agent)]


@pytest.mark.requirement("W4.5", "W2.11")
def test_those_are_listed_that_can_concern_the_agent(admin):
    made = make_agent(admin.actor, tags=["payments"])
    write(admin, "everything", "require_approval")
    write(admin, "by name", agents=[made.agent.name])
    write(admin, "by tag", agent_tags=["payments"])
    write(admin, "another tag", agent_tags=["other"])
    write(admin, "another agent", agents=["somebody-else"])
    write(admin, "an action it lacks", actions=["file_delete"])
    write(admin, "tried out", actions=["file_read"], shadow=True)
    assert names(admin, made) == [
        ("by name", "deny", False),
        ("by tag", "deny", False),
        ("everything", "require_approval", False),
        ("tried out", "deny", True),
    ]
    page = signed_in_browser(admin).get(
        reverse("agents:agent-detail", args=[made.agent.public_id]), {"tab": "policies"}
    )
    text = page.content.decode()
    assert "by tag" in text
    assert "another tag" not in text
    assert "Shadow: only noted" in text
    assert "For every action of every agent." in text


@pytest.mark.requirement("W4.5")
def test_a_policy_that_is_not_understood_is_shown_as_the_denial_that_it_is(admin):
    made = make_agent(admin.actor)
    write(admin, "spoilt", "allow")
    policy = Policy.objects.get(organization=admin.organization)
    # As an older or newer product, or a restored row, might have written it.
    broken = {"name": "spoilt", "effect": "allow", "match": {"moon": ["full"]}}
    PolicyVersion.objects.create(policy=policy, number=2, document=broken, author_label="x")
    PolicyVersion.objects.filter(policy=policy, number=1).update(state="retired")
    PolicyVersion.objects.filter(policy=policy, number=2).update(state="active")
    [found] = policies_for(admin.actor, made.agent)
    assert (found.effect, found.sentences) == ("deny", [])
    assert "cannot be understood" in found.broken


@pytest.mark.requirement("R.1")
def test_another_organizations_policies_concern_nobody_here(admin):
    made = make_agent(admin.actor)
    write(make_person(make_organization()), "everything")
    assert names(admin, made) == []
    assert policies_for(make_person(make_organization()).actor, made.agent) == []
