"""An organization with an agent whose reads must wait, and people and agents who may decide."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.actors import person_actor
from accounts.contracts import Actor, ActorKind
from accounts.models import Role
from accounts.permissions import AGENT_PERMISSIONS
from aim.ids import IdKind, parse_id
from tests.factories.accounts import Person, make_person, unique
from tests.factories.api import Api
from tests.verification.policies.asking import in_force
from tests.verification.world import TestAgent, make_agent
from tests.verification.world import make_organization as make_world
from verification.approvals.models import Approval
from verification.models import Verification


@dataclass
class Inbox:
    """`manager` decides; `asker` is the agent whose request waits."""

    admin: Actor
    manager: Person
    asker: TestAgent

    @property
    def organization_id(self) -> UUID:
        return self.asker.agent.organization_id

    def person(self, role: Role = Role.MANAGER) -> Person:
        return make_person(self.asker.agent.organization, role)

    def ask(self, agent: TestAgent | None = None, **changes: Any) -> Approval:
        """A request that waits."""
        agent = agent or self.asker
        reply = agent.ask_natively(agent.body(**changes))
        assert (reply.status, reply.json()["status"]) == (202, "pending"), reply.body
        return Approval.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))

    def ask_by_rule(self, agent: TestAgent | None = None, **approval: Any) -> Approval:
        """A request that waits by a policy of its own, which asks for these approvers."""
        folder = unique("/app/rule")
        in_force(
            self.admin,
            {
                "name": folder,
                "effect": "require_approval",
                "match": {"actions": ["file_list"], "resources": [f"{folder}/**"]},
                "approval": approval,
            },
        )
        return self.ask(agent, action_type="file_list", resource=f"{folder}/x")

    def state(self, approval: Approval, agent: TestAgent | None = None) -> dict[str, Any]:
        """What the agent is told of it."""
        answer = Api((agent or self.asker).api_key).get(f"/verify/{verification_id(approval)}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def report(self, approval: Approval, **changes: Any):
        body = {"status": "success", "duration_ms": 5} | changes
        return Api(self.asker.api_key).post(f"/verify/{verification_id(approval)}/complete", body)

    def add_agent(self, **configuration: Any) -> TestAgent:
        return make_agent(self.admin, calls_per_hour=1000, **configuration)


def make_inbox(**configuration: Any) -> Inbox:
    organization, admin = make_world()
    asker = make_agent(admin, **{"require_approval": ["file_read"], "calls_per_hour": 1000} | configuration)
    return Inbox(admin, make_person(organization, Role.MANAGER), asker)


def verification_id(approval: Approval) -> str:
    return f"ver_{approval.id.hex}"


def verification(approval: Approval) -> Verification:
    return Verification.objects.get(id=approval.id)


def actor_of(person: Person) -> Actor:
    person.membership.refresh_from_db()
    return person_actor(person.membership, credential="test")


def agent_actor(agent: TestAgent) -> Actor:
    row = agent.agent
    return Actor(ActorKind.AGENT, row.id, row.name, row.organization_id, AGENT_PERMISSIONS)
