"""`python -m tests.bench.population`: an organization with agents that must sign, made by the product's own services.

The first agents are registered and prove their keys as any agent does. Thousands more would take minutes that way,
so that the rest are rows copied from the first, each with keys and an id of its own.
"""

import argparse
import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")
django.setup()

from django.db import transaction  # noqa: E402 - models exist only once Django is set up

from accounts.actors import person_actor  # noqa: E402
from accounts.contracts import Actor  # noqa: E402
from accounts.services.administrators import create_administrator  # noqa: E402
from agents.configuration import MAX_BYTES, MAX_CALLS  # noqa: E402
from agents.models import Agent, AgentRuntime, ApiKey, PublicKey, TrustEvent  # noqa: E402
from agents.services.challenges import Answer, answer_challenge, issue_challenge  # noqa: E402
from agents.services.registration import register_agent  # noqa: E402
from agents.trust import SignedStep, sign  # noqa: E402
from agents.trust_records import signed_step, store  # noqa: E402
from aim.crypto.public_keys import describe_key  # noqa: E402
from aim.ids import IdKind, parse_id, uuid7  # noqa: E402
from aim.secrets import new_secret  # noqa: E402
from tests.bench.agents import BenchAgent, new_agent, write_agents  # noqa: E402

_BY_SERVICES = 200
_BATCH = 2000


def populate(count: int, *, calls_per_hour: int, bytes_per_day: int) -> list[BenchAgent]:
    """Make the agents, verified and with trust 100; answers them with their private keys."""
    made = create_administrator(email="bench@aim.example", organization_name="Bench")
    actor = person_actor(made.membership, credential="session")
    configuration = {
        "agent_type": "ai_agent",
        "version": "1.0.0",
        "capabilities": ["file_system.read"],
        "resource_scope": ["/app/**"],
        "calls_per_hour": calls_per_hour,
        "bytes_per_day": bytes_per_day,
        "require_signature": True,
    }
    agents = [_register(actor, configuration, number) for number in range(min(count, _BY_SERVICES))]
    for first in range(len(agents), count, _BATCH):
        agents += _copy(agents[0], range(first, min(first + _BATCH, count)))
    return agents


def _register(actor: Actor, configuration: dict[str, Any], number: int) -> BenchAgent:
    """Register an agent and prove its key."""
    bench_agent = new_agent()
    key = Ed25519PrivateKey.from_private_bytes(bench_agent.seed)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    names = {"name": f"bench-{number}", "display_name": f"Bench {number}"}
    registration = register_agent(actor, {**names, **configuration}, public_key=pem, key_type="ed25519")
    challenge = issue_challenge(actor, registration.agent.id)
    signature = base64.b64encode(key.sign(challenge.statement.encode())).decode()
    answer_challenge(actor, registration.agent.id, challenge_id=challenge.id, answer=Answer(signature))
    return msgspec.structs.replace(bench_agent, agent_id=registration.agent.public_id, api_key=registration.api_key)


def _copy(first: BenchAgent, numbers: range) -> list[BenchAgent]:
    """Agents like the first, written at once."""
    original = Agent.objects.select_related("runtime").get(id=parse_id(IdKind.AGENT, first.agent_id))
    proved = original.public_keys.get()
    fields = {field.attname: getattr(original, field.attname) for field in Agent._meta.concrete_fields}
    copies, agents = _Rows([], [], [], [], []), []
    (beginning,) = map(signed_step, TrustEvent.objects.filter(agent_id=original.id))
    for number in numbers:
        made, secret = new_agent(), new_secret("aim")
        info = describe_key(Ed25519PrivateKey.from_private_bytes(made.seed).public_key())
        agent = Agent(**{**fields, "id": uuid7(), "name": f"bench-{number}", "display_name": f"Bench {number}"})
        copies.agents.append(agent)
        copies.runtimes.append(
            AgentRuntime(agent=agent, organization_id=agent.organization_id, trust_score=original.runtime.trust_score)
        )
        copies.steps.append(sign(msgspec.structs.replace(beginning.step, id=uuid7(), agent_id=agent.id)))
        copies.api_keys.append(ApiKey(agent=agent, prefix=secret.prefix, digest=secret.digest))
        copies.public_keys.append(
            PublicKey(
                agent=agent,
                key_type=info.key_type,
                bits=info.bits,
                pem=info.pem,
                fingerprint=info.fingerprint,
                thumbprint=info.thumbprint,
                status=proved.status,
                proved_at=proved.proved_at,
            )
        )
        agents.append(msgspec.structs.replace(made, agent_id=agent.public_id, api_key=secret.text))
    copies.write()
    return agents


@dataclass(frozen=True)
class _Rows:
    agents: list[Agent]
    runtimes: list[AgentRuntime]
    api_keys: list[ApiKey]
    public_keys: list[PublicKey]
    steps: list[SignedStep]

    @transaction.atomic
    def write(self) -> None:
        Agent.objects.bulk_create(self.agents)
        AgentRuntime.objects.bulk_create(self.runtimes)
        ApiKey.objects.bulk_create(self.api_keys)
        PublicKey.objects.bulk_create(self.public_keys)
        store(self.steps)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.population", description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True, help="where the private keys go; readable by you only")
    parser.add_argument("--calls-per-hour", type=int, default=MAX_CALLS)
    parser.add_argument("--bytes-per-day", type=int, default=MAX_BYTES)
    options = parser.parse_args()
    agents = populate(options.count, calls_per_hour=options.calls_per_hour, bytes_per_day=options.bytes_per_day)
    write_agents(options.file, agents)


if __name__ == "__main__":
    main()
