"""All reads of requests for agents: those who register agents see all, members their own."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor, ActorKind
from accounts.permissions import Permission
from agents.requests.models import AgentRequest
from aim.errors import NotFoundError


def agent_requests_visible_to(actor: Actor) -> QuerySet[AgentRequest]:
    """Newest first. What an actor may not see is not there."""
    if actor.kind is not ActorKind.PERSON or not actor.may(Permission.AGENTS_REQUEST):
        return AgentRequest.objects.none()
    rows = AgentRequest.objects.filter(organization_id=actor.scope)
    if not actor.may(Permission.AGENTS_WRITE):
        rows = rows.filter(requested_by_id=actor.self_id)
    return rows.select_related("requested_by", "decided_by", "agent").order_by("-id")


def agent_request_by_id(actor: Actor, request_id: UUID) -> AgentRequest:
    try:
        return agent_requests_visible_to(actor).get(id=request_id)
    except AgentRequest.DoesNotExist:
        raise NotFoundError from None


def locked_agent_request(actor: Actor, request_id: UUID) -> AgentRequest:
    """The row, locked until the transaction ends; raises `NotFoundError`."""
    agent_request_by_id(actor, request_id)
    return AgentRequest.objects.select_for_update().get(id=request_id)
