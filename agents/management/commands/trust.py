"""`manage.py trust verify [--agent ID] [--json]` and `manage.py trust baseline --agent ID --reason R [--score N]`."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from agents.services.trust import set_trust_baseline
from agents.services.trust_examination import examine_whole_chain
from agents.trust_records import scored_agents
from aim.errors import ServiceError
from aim.ids import IdKind, InvalidIdError, parse_id


class Command(BaseCommand):
    help = "Examine the signed chains of trust, or set an agent's trust anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="examine every chain; freeze and suspend what was manipulated")
        verify.add_argument("--agent", metavar="ID", help="only this one, agt_…")
        verify.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")
        baseline = actions.add_parser("baseline", help="answer for an agent's score from here on")
        whose = baseline.add_mutually_exclusive_group(required=True)
        whose.add_argument("--agent", metavar="ID")
        whose.add_argument("--all", action="store_true", help="every sound chain, under a new master key")
        baseline.add_argument("--reason", required=True)
        baseline.add_argument("--score", type=int, help="0 to 100; left out, the last one that the ledger knows")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["action"] == "verify":
            self._verify(options)
        else:
            self._baseline(options)

    def _verify(self, options: dict[str, Any]) -> None:
        agents = Agent.objects.order_by("id").values_list("id", flat=True)
        if options["agent"]:
            agents = agents.filter(id=_agent_id(options["agent"]))
        # On standard error, so that what is on standard output can be read by programs.
        console = Console(stderr=True, quiet=options["json"])
        examined = list(agents)
        found = [
            {"agent": finding.public_id, "name": finding.name, "problem": finding.problem}
            for agent_id in track(examined, description="Chains", console=console)
            if (finding := examine_whole_chain(agent_id)) is not None
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"examined": len(examined), "manipulated": found}))
        else:
            for line in found:
                self.stdout.write(f"{line['agent']} ({line['name']}): {line['problem']}. Frozen and suspended.")
            self.stdout.write(f"{len(examined)} agents examined, {len(found)} manipulated.")
        if found:
            raise CommandError("Trust scores were manipulated.")

    def _baseline(self, options: dict[str, Any]) -> None:
        if options["all"]:
            self._restart_all(options["reason"])
            return
        agent = Agent.objects.filter(id=_agent_id(options["agent"])).first()
        if agent is None:
            raise CommandError("No such agent.")
        try:
            set_trust_baseline(_operator(agent), agent.id, reason=options["reason"], score=options["score"])
        except ServiceError as error:
            raise CommandError(error.message) from None
        agent.runtime.refresh_from_db()
        self.stdout.write(f"{agent.name} begins anew with {agent.runtime.trust_score}.")

    def _restart_all(self, reason: str) -> None:
        restarted = 0
        for agent in scored_agents():
            if examine_whole_chain(agent.id) is None:
                set_trust_baseline(_operator(agent), agent.id, reason=reason, restart=True)
                restarted += 1
            else:
                self.stdout.write(f"{agent.public_id} ({agent.name}) was manipulated and stays frozen.")
        self.stdout.write(f"{restarted} chains begin anew.")


def _operator(agent: Agent) -> Actor:
    return system_actor(agent.organization_id, label="operator", permissions=frozenset({Permission.AGENTS_TRUST}))


def _agent_id(text: str) -> UUID:
    try:
        return parse_id(IdKind.AGENT, text)
    except InvalidIdError as error:
        raise CommandError(str(error)) from None
