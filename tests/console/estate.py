"""An organization with one of everything that an address of the console names, and a person of every role."""

import io
import secrets
from dataclasses import dataclass, field
from uuid import uuid4

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from PIL import Image

from accounts.models import Role, UserSession
from accounts.notifications.models import Notification
from accounts.services.invitations import invite_members
from accounts.services.logos import set_logo
from accounts.services.saved_views import save_view
from accounts.services.teams import create_team
from agents.columns import AGENT_LIST
from agents.services.requests import request_agent
from aim import clock
from mcp.crypto_report import SECTIONS
from mcp.models import Offering
from mcp.reports import ask_crypto_report
from mcp.services.rotation import RotationPlan, start_rotation
from mcp.services.runs import start_run
from security.services.reports import report_behaviour
from tests.console.people import browser_of
from tests.factories.accounts import Person, make_organization, make_person, unique
from tests.factories.agents import make_agent, make_verified_agent, pem_of
from tests.factories.mcp import make_proved_server, make_tool
from tests.factories.seals import seal_now
from tests.verification.world import make_agent as make_asker
from verification.approvals.models import Approval, Deadlock
from verification.services.data_classes import create_data_class
from verification.services.policies import create_policy


@dataclass
class Estate:
    """`ids` by the name of the parameter; where two rooms share a name, by `room:name`."""

    people: dict[Role, Person]
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def admin(self) -> Person:
        return self.people[Role.ADMIN]


def make_estate() -> Estate:
    organization = make_organization()
    estate = Estate({role: make_person(organization, role) for role in Role})
    admin = estate.admin
    for fill in (_fill_accounts, _fill_agents, _fill_servers, _fill_verification):
        fill(estate, admin)
    return estate


def notice_to(person: Person) -> Notification:
    """Something unread in the person's notifications."""
    return Notification.objects.create(
        membership=person.membership,
        kind="agent.suspended",
        topic=unique("topic"),
        entry_id=uuid4(),
        seq=1,
        text="Something happened",
        path="/dashboard",
        happened_at=clock.now(),
    )


def _fill_accounts(estate: Estate, admin: Person) -> None:
    team = create_team(admin.actor, unique("Team"))
    invited = invite_members(admin.actor, [f"{unique('guest')}@example.com"], role=Role.VIEWER).made[0]
    browser_of(admin)
    other_session = UserSession.objects.filter(membership=admin.membership).latest("id")
    view = save_view(admin.actor, AGENT_LIST, name=unique("View"), query="status=pending", columns=[], shared=False)
    logo = set_logo(admin.actor, _picture())
    notice = notice_to(admin)
    factor = Authenticator.objects.create(user=admin.user, type="webauthn", data={"name": "Key", "credential": {}})
    identity = SocialAccount.objects.create(user=admin.user, provider="google", uid=uuid4().hex)
    estate.ids |= {
        "team_id": team.public_id,
        "invitation_id": invited.invitation.public_id,
        "session_id": other_session.public_id,
        "token_id": admin.membership.tokens.get().public_id,
        "user_id": make_person(admin.organization, Role.VIEWER).user.public_id,
        "view_id": view.public_id,
        "digest": logo.digest,
        "notification_id": notice.public_id,
        "factor_id": str(factor.id),
        "identity_id": str(identity.id),
    }


def _fill_agents(estate: Estate, admin: Person) -> None:
    agent, other = make_verified_agent(admin.actor).agent, make_agent(admin.actor).agent
    request = request_agent(admin.actor, display_name="Wanted", purpose="To read reports")
    report = report_behaviour(admin.actor, severity="high", text="It read what it should not", agent_id=other.id)
    estate.ids |= {
        "agent_id": agent.public_id,
        "request_id": request.public_id,
        "security:report_id": report.public_id,
    }


def _fill_servers(estate: Estate, admin: Person) -> None:
    server = make_proved_server(admin.actor)
    tool = make_tool(server, offered={"name": "read_file"}, held_reason="Changed.")
    offering = Offering.objects.create(
        server=server,
        kind="prompt",
        name="greet",
        definition={"name": "greet"},
        definition_digest=b"x" * 32,
        last_seen_at=timezone.now(),
    )
    key = server.keys.get()
    plan = RotationPlan(public_key=pem_of(Ed25519PrivateKey.generate()), server_updated=True)
    rotation = start_rotation(admin.actor, server.id, plan)
    run = start_run(admin.actor, server.id, purpose="verification", trigger="manual")
    report = ask_crypto_report(admin.actor, server, sections=list(SECTIONS), form="json")
    estate.ids |= {
        "server_id": server.public_id,
        "tool_id": tool.public_id,
        "offering_id": offering.public_id,
        "mcp:key_id": key.public_id,
        "rotation_id": rotation.public_id,
        "run_id": run.public_id,
        "mcp:report_id": report.public_id,
    }


def _fill_verification(estate: Estate, admin: Person) -> None:
    asker = make_asker(admin.actor, require_approval=["file_read"])
    reply = asker.ask_natively()
    assert reply.status == 202, reply.body
    approval = Approval.objects.get(organization_id=admin.organization.id)
    version = create_policy(admin.actor, {"name": unique("Policy"), "effect": "deny"})
    data_class = create_data_class(admin.actor, name=unique("class"), patterns=["/app/hr/**"])
    deadlock = Deadlock.objects.create(
        organization_id=admin.organization.id,
        agents=[{"id": asker.agent.public_id, "name": asker.agent.name}],
        approvals=[approval.public_id],
        suggested_approval_id=approval.id,
        suggestion="Grant temporary approval to Agent",
        detected_at=clock.now(),
    )
    estate.ids |= {
        "verification_id": reply.json()["verification_id"],
        "approval_id": approval.public_id,
        "policy_id": version.policy.public_id,
        "data_class_id": data_class.public_id,
        "deadlock_id": deadlock.public_id,
        "number": str(seal_now().number),
    }


def _picture() -> bytes:
    """One that nobody else has: its digest is in its address."""
    file = io.BytesIO()
    Image.frombytes("RGB", (16, 16), secrets.token_bytes(768)).save(file, "PNG")
    return file.getvalue()
