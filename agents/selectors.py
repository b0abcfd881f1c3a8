"""All reads of agents. Each takes the actor first: people see their organization's agents, an agent sees itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Case, Max, Q, QuerySet, Sum, When

from accounts.contracts import Actor, ActorKind
from agents.models import Agent, AgentSearch, ApiKey, Challenge, TrustEvent
from aim import clock
from aim import lookups as _lookups  # noqa: F401 - registers `any_of`
from aim.errors import NotFoundError
from aim.ledger.events import Event
from aim.ledger.models import Entry

_RELATED = ("public_keys", "api_keys")


def agents_visible_to(actor: Actor) -> QuerySet[Agent]:
    """The one place that scopes agents. The system sees those of the organization it acts in, operators none."""
    mine = Agent.objects.filter(organization_id=actor.scope)
    match actor.kind:
        case ActorKind.PERSON | ActorKind.SYSTEM:
            pass
        case ActorKind.AGENT:
            mine = mine.filter(id=actor.self_id)
        case _:
            return Agent.objects.none()
    return mine.select_related("owner", "runtime").prefetch_related(*_RELATED)


def agent_by_id(actor: Actor, agent_id: UUID) -> Agent:
    """Raises the same `NotFoundError` for an unknown agent and for another organization's."""
    try:
        return agents_visible_to(actor).get(id=agent_id)
    except Agent.DoesNotExist:
        raise NotFoundError from None


def names_of(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, str]:
    """What those are called that the actor sees of them: for rows that only name their agent."""
    named = agents_visible_to(actor).filter(id__any_of=list(set(ids))).order_by()
    return dict(named.values_list("id", "display_name"))


def agents_named(actor: Actor, text: str) -> QuerySet[Agent]:
    """Agents whose names or description hold the text, for the palette; those whose name begins with it first."""
    named = Q(id__in=AgentSearch.objects.filter(organization_id=actor.scope, text__contains=text.lower()))
    begins = Q(name__istartswith=text) | Q(display_name__istartswith=text)
    rows = agents_visible_to(actor).filter(named).select_related(None).prefetch_related(None)
    return rows.annotate(begins=Case(When(begins, then=0), default=1)).order_by("begins", "display_name")


def agents_with_key(actor: Actor, thumbprint: str) -> list[Agent]:
    """The agents that the actor sees and that hold this public key: two with one key cannot be told apart."""
    return list(agents_visible_to(actor).filter(public_keys__thumbprint=thumbprint).distinct()[:3])


@dataclass(frozen=True, slots=True)
class TrustMove:
    """How far an agent's trust has moved, and why it did last."""

    agent: Agent
    before: Decimal
    after: Decimal
    reason: str

    @property
    def delta(self) -> Decimal:
        return self.after - self.before


def trust_movers(actor: Actor, *, since: datetime, most: int = 5) -> list[TrustMove]:
    """The agents whose trust has moved the most, those that fell first."""
    events = TrustEvent.objects.filter(organization_id=actor.scope, at__gte=since, number__gt=1)
    moved = events.values("agent_id").annotate(delta=Sum("delta"), last=Max("number")).exclude(delta=0)
    rows = list(moved.order_by("delta")[:most])
    agents = agents_visible_to(actor).in_bulk([row["agent_id"] for row in rows])
    last = (
        {
            event.agent_id: event
            for event in TrustEvent.objects.filter(
                Q(*(Q(agent_id=row["agent_id"], number=row["last"]) for row in rows), _connector=Q.OR)
            )
        }
        if rows
        else {}
    )
    return [
        TrustMove(agents[row["agent_id"]], event.score - row["delta"], event.score, event.reason)
        for row in rows
        if row["agent_id"] in agents and (event := last.get(row["agent_id"])) is not None
    ]


def locked_agent(actor: Actor, agent_id: UUID) -> Agent:
    """As `agent_by_id`, inside a transaction, with the row locked: all changes of one agent come one after another."""
    assert connection.in_atomic_block
    ids = agents_visible_to(actor).filter(id=agent_id).values("id")
    agent = Agent.objects.select_for_update(no_key=True).filter(id__in=ids).first()
    if agent is None:
        raise NotFoundError
    return agent


def challenge_of(agent: Agent, challenge_id: UUID) -> Challenge:
    """Raises the same `NotFoundError` for an unknown challenge and for another agent's."""
    challenge = agent.challenges.filter(id=challenge_id).first()
    if challenge is None:
        raise NotFoundError
    return challenge


def history_of(agent: Agent) -> QuerySet[Entry]:
    """Every change of the agent, newest first: who, when, before and after. Decisions have a list of their own."""
    # The condition is that of the partial index over subjects.
    decided = Q(kind=Event.VERIFICATION_DECIDED.value)
    return Entry.objects.filter(~decided, subject_id=agent.id, organization_id=agent.organization_id)


def api_key_by_digest(digest: bytes) -> ApiKey | None:
    """A key that may be used now: not revoked, not expired, of an active organization."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return (
        ApiKey.objects.filter(unexpired, digest=digest, revoked_at=None, agent__organization__status="active")
        .select_related("agent")
        .first()
    )
