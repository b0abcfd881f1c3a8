"""`manage.py reverify_agents`: have many agents prove their keys again, now, at their verification URLs."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import system_actor
from accounts.permissions import Permission
from agents.models import Agent, AgentStatus, Challenge, PublicKey
from agents.services.remote_proof import ask_claimed, start_remote_proof
from aim.bulk import Examined, ReverifyCommand, read_id
from aim.errors import ConflictError, NotFoundError
from aim.ids import IdKind

_STATUSES = (AgentStatus.PENDING, AgentStatus.VERIFIED)


class Command(ReverifyCommand):
    help = (
        "Have agents prove their keys at their verification URLs again, many at once. Ends with 1 when one has failed. "
        "An agent without such a URL cannot be asked, and is named: it proves itself by a challenge, or is attested."
    )
    things = "agents"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--agent", action="append", default=[], metavar="ID", help="agt_…; may be repeated")
        parser.add_argument("--status", choices=[status.value for status in _STATUSES], help="pending and verified")

    def choose(self, options: dict[str, Any]) -> dict[UUID, str]:
        return dict(_asked_of(_chosen(options)).values_list("id", "name"))

    def remarks(self, options: dict[str, Any]) -> dict[str, Any]:
        names = sorted(_chosen(options).exclude(id__in=_asked_of(_chosen(options))).values_list("name", flat=True))
        if names and not options["json"]:
            cannot = f"{len(names)} have no verification URL or no key, and cannot be asked"
            self.stdout.write(f"{cannot}: {', '.join(names)}")
        return {"cannot_be_asked": names}

    def examine(self, thing_id: UUID) -> Examined:
        agent = Agent.objects.filter(id=thing_id).only("organization_id", "status").first()
        if agent is None:
            return Examined(thing_id, "deleted")
        permissions = frozenset({Permission.PROVE_KEY})
        actor = system_actor(agent.organization_id, label="reverify_agents", permissions=permissions)
        again = agent.status != AgentStatus.PENDING
        try:
            challenge = start_remote_proof(actor, thing_id, again=again, here=True)
        except (ConflictError, NotFoundError) as error:
            # Revoked, deleted or given another key since it was chosen.
            return Examined(thing_id, "failed", error.message)
        if ask_claimed(challenge.id) is not None:
            return Examined(thing_id, "succeeded")
        challenge.refresh_from_db()
        return Examined(thing_id, "failed", challenge.error)


def _chosen(options: dict[str, Any]) -> QuerySet[Agent]:
    """Those that the options name, oldest first; never a suspended or revoked one."""
    rows = Agent.objects.filter(status__in=[options["status"]] if options["status"] else _STATUSES).order_by("id")
    if options["organization"]:
        rows = rows.filter(organization_id=read_id(IdKind.ORGANIZATION, options["organization"]))
    if options["agent"]:
        rows = rows.filter(id__in=[read_id(IdKind.AGENT, text) for text in options["agent"]])
    if options["older_than"] is not None:
        proved = PublicKey.objects.filter(
            agent=OuterRef("pk"), status=PublicKey.Status.ACTIVE, proved_at__gte=options["older_than"]
        )
        rows = rows.filter(~Exists(proved))
    if options["since"] is not None:
        asked = Challenge.objects.filter(agent=OuterRef("pk"), asked_at__gte=options["since"])
        rows = rows.filter(~Exists(asked))
    return rows


def _asked_of(rows: QuerySet[Agent]) -> QuerySet[Agent]:
    """Those of them that have a verification URL and a key to prove there."""
    keys = PublicKey.objects.filter(agent=OuterRef("pk"))
    first = Q(status=AgentStatus.PENDING) & Exists(keys.filter(status=PublicKey.Status.UNPROVED))
    again = Q(status=AgentStatus.VERIFIED) & Exists(keys.filter(status=PublicKey.Status.ACTIVE))
    return rows.exclude(verification_url="").filter(first | again)
