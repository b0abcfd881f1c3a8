"""The API of an agent's states."""

from typing import ClassVar, Protocol
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.api.serializers import AgentSerializer, ReasonSerializer
from agents.api.views import OneAgentView
from agents.models import Agent
from agents.services.attestation import attest_agent
from agents.services.lifecycle import resume_agent, revoke_agent, suspend_agent


class Change(Protocol):
    def __call__(self, actor: Actor, agent_id: UUID, *, reason: str) -> Agent: ...


class ReasonedView(OneAgentView):
    """A change of state that needs a reason and nothing else."""

    def change_with(self, service: Change, request: Request, agent_id: str) -> Response:
        agent = self.agent(agent_id)
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        service(self.actor, agent.id, reason=serializer.validated_data["reason"])
        return Response(self.shown(agent.id))


@extend_schema(tags=["Agents"])
class SuspendView(ReasonedView):
    permissions: ClassVar = {"POST": Permission.AGENTS_LIFECYCLE}

    @extend_schema(
        summary="Suspend an agent", operation_id="agents_suspend", request=ReasonSerializer, responses=AgentSerializer
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """No action is approved from the moment this is answered until the agent is resumed."""
        return self.change_with(suspend_agent, request, agent_id)


@extend_schema(tags=["Agents"])
class ResumeView(ReasonedView):
    permissions: ClassVar = {"POST": Permission.AGENTS_LIFECYCLE}

    @extend_schema(
        summary="Resume an agent", operation_id="agents_resume", request=ReasonSerializer, responses=AgentSerializer
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Only a suspended agent (409 otherwise). It is verified or pending again, as it was before."""
        return self.change_with(resume_agent, request, agent_id)


@extend_schema(tags=["Agents"])
class RevokeView(ReasonedView):
    permissions: ClassVar = {"POST": Permission.AGENTS_LIFECYCLE}

    @extend_schema(
        summary="Revoke an agent", operation_id="agents_revoke", request=ReasonSerializer, responses=AgentSerializer
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """For ever. The agent stays in the registry with its records, and every action is denied."""
        return self.change_with(revoke_agent, request, agent_id)


@extend_schema(tags=["Agents"])
class AttestView(ReasonedView):
    permissions: ClassVar = {"POST": Permission.AGENTS_ATTEST}

    @extend_schema(
        summary="Attest an agent", operation_id="agents_attest", request=ReasonSerializer, responses=AgentSerializer
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """An admin vouches for a pending agent that has no public key; it is marked as verified by attestation."""
        return self.change_with(attest_agent, request, agent_id)
