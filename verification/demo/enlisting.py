"""Registers one agent of the demonstration and lets it prove its key, or gives it new secrets when its own are lost."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from accounts.contracts import Actor
from accounts.models import Team
from agents.models import Agent, AgentStatus, PublicKey
from agents.selectors import agent_by_id, agents_visible_to
from agents.services.api_keys import create_api_key
from agents.services.attestation import attest_agent
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from agents.services.lifecycle import suspend_agent
from agents.services.public_keys import confirm_public_key, propose_public_key
from agents.services.registration import register_agent
from aim.crypto.signing import PrivateKey, Signer
from aim.ids import IdKind, show_id
from verification.demo.story import AgentStory
from verification.demo.vault import Secrets, Vault, make_key, private_pem, public_pem

Admins = tuple[Actor, Actor]


@dataclass(frozen=True, slots=True)
class Enlisted:
    """An agent that can ask: its id, its secrets, its part in the story, and the people it acts for."""

    agent_id: str
    api_key: str
    signer: Signer | None
    story: AgentStory
    users: tuple[str, ...]


def enlist(
    story: AgentStory, *, owner: Actor, admins: Admins, teams: Mapping[str, Team], vault: Vault
) -> Enlisted | None:
    """Bring the agent to where the story has it. What people have changed of it since stays as they left it.

    None for an agent that was revoked and whose secrets are lost: it can never ask again.
    """
    agent = agents_visible_to(owner).filter(name=story.name).first()
    if agent is None:
        agent, secrets = _register(story, owner=owner, teams=teams, vault=vault)
    elif (known := vault.get(agent.public_id)) is not None:
        secrets = known
    elif agent.status == AgentStatus.REVOKED:
        return None
    else:
        secrets = _renew(agent, story, admins=admins, vault=vault)
    key = secrets.key()
    agent = agent_by_id(owner, agent.id)
    if agent.status == AgentStatus.PENDING and not story.pending:
        if key is None:
            attest_agent(admins[0], agent.id, reason="Installed by hand inside the warehouse.")
        else:
            _prove(owner, agent, key)
    agent = agent_by_id(owner, agent.id)
    if story.suspended and agent.status == AgentStatus.VERIFIED and not agent.status_reason:
        suspend_agent(admins[0], agent.id, reason=story.suspended)
    signer = Signer(key) if key is not None else None
    return Enlisted(agent.public_id, secrets.api_key, signer, story, _users(teams, story))


def _register(story: AgentStory, *, owner: Actor, teams: Mapping[str, Team], vault: Vault) -> tuple[Agent, Secrets]:
    key = make_key(story.key) if story.key else None
    configuration = {
        "name": story.name,
        "display_name": story.display_name,
        "agent_type": story.agent_type,
        "version": story.version,
        "description": story.description,
        "capabilities": story.capabilities,
        "resource_scope": story.resource_scope,
        "access_scope_kind": "teams" if story.team else "organization",
        "access_scope_ids": [teams[story.team].public_id] if story.team else [],
        "calls_per_hour": story.calls_per_hour,
        "bytes_per_day": story.bytes_per_day,
        "allowed_ip_ranges": story.allowed_ip_ranges,
        "require_approval": story.require_approval,
        "auto_deny": story.auto_deny,
        "require_signature": key is not None,
    }
    made = register_agent(owner, configuration, public_key=public_pem(key) if key else None)
    secrets = Secrets(api_key=made.api_key, private_key=private_pem(key) if key else "")
    vault.put(made.agent.public_id, secrets)
    return made.agent, secrets


def _renew(agent: Agent, story: AgentStory, *, admins: Admins, vault: Vault) -> Secrets:
    """New secrets for an agent whose file is gone: another API key, and a key that a second admin agrees to."""
    first, second = admins
    key = make_key(story.key) if story.key else None
    if key is not None:
        proposed = propose_public_key(first, agent.id, public_key=public_pem(key))
        if not story.pending:
            _prove(first, agent, key)
            proposed.refresh_from_db()
        if proposed.status == PublicKey.Status.PROVED:
            confirm_public_key(second, agent.id, key_id=proposed.id)
    _, secret = create_api_key(first, agent.id)
    secrets = Secrets(api_key=secret.text, private_key=private_pem(key) if key else "")
    vault.put(agent.public_id, secrets)
    return secrets


def _prove(actor: Actor, agent: Agent, key: PrivateKey) -> None:
    challenge = issue_challenge(actor, agent.id)
    signature = base64.b64encode(Signer(key).sign(challenge.statement.encode())).decode()
    answer_challenge(actor, agent.id, challenge_id=challenge.id, answer=Answer(signature=signature))


def _users(teams: Mapping[str, Team], story: AgentStory) -> tuple[str, ...]:
    chosen = [teams[story.team]] if story.team else list(teams.values())
    ids = {show_id(IdKind.USER, member.user_id) for team in chosen for member in team.members.all()}
    return tuple(sorted(ids))
