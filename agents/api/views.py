"""The API of the registry: one agent and the list of them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from agents.api.filters import AgentFilters
from agents.api.serializers import (
    AgentSerializer,
    CapabilitySerializer,
    ConfigurationSerializer,
    HistorySerializer,
    RegisteredAgentSerializer,
    RegistrationSerializer,
)
from agents.catalogue import CATALOGUE
from agents.models import Agent
from agents.selectors import agent_by_id, agents_visible_to, history_of
from agents.services.configuration import update_agent
from agents.services.deletion import delete_agent
from agents.services.registration import register_agent
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind

EXAMPLE = OpenApiExample(
    "A code assistant",
    request_only=True,
    value={
        "name": "claude-code-assistant",
        "display_name": "Claude Code Assistant",
        "agent_type": "ai_agent",
        "version": "1.0.0",
        "description": "AI-powered code assistant for development",
        "capabilities": ["file_system.read"],
        "resource_scope": ["/app/**"],
        "access_scope": {"kind": "organization", "ids": []},
        "limits": {"calls_per_hour": 1000, "bytes_per_day": 10_000_000_000},
        "allowed_ip_ranges": ["10.0.0.0/8"],
        "require_approval": ["file_delete"],
        "auto_deny": ["*:/etc/**"],
        "require_signature": True,
        "public_key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n",
        "min_trust": 70,
        "auto_suspend_below": 50,
    },
)


class OneAgentView(ActorView):
    """The base of the views below `/agents/{agent_id}`."""

    def agent(self, agent_id: str) -> Agent:
        """The agent as the caller may see it; `NotFoundError` otherwise, before a body is even looked at."""
        return agent_by_id(self.actor, path_id(IdKind.AGENT, agent_id))

    def shown(self, agent_id: UUID) -> dict[str, Any]:
        return dict(AgentSerializer(agent_by_id(self.actor, agent_id)).data)


@extend_schema(tags=["Agents"])
class AgentsView(ActorView, GenericAPIView[Agent]):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ, "POST": Permission.AGENTS_WRITE}
    filterset_class = AgentFilters
    queryset = Agent.objects.none()

    @extend_schema(summary="List the agents", operation_id="agents_list", responses=AgentSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Newest first, a page at a time: follow `next`."""
        rows = self.paginate_queryset(self.filter_queryset(agents_visible_to(self.actor)))
        return self.get_paginated_response(AgentSerializer(rows, many=True).data)

    @extend_schema(
        summary="Register an agent",
        operation_id="agents_create",
        request=RegistrationSerializer,
        responses={201: RegisteredAgentSerializer, 200: RegisteredAgentSerializer},
        examples=[EXAMPLE],
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                location=OpenApiParameter.HEADER,
                description="A UUID of your own. The same request with the same key registers once.",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """The agent is `pending` until it has answered a challenge with its key, or an admin has attested it.

        `api_key` is shown this once. `warnings` names what to look at twice, such as high-risk capabilities.
        A name that exists already is answered with 409. Without an answer, send the same request with the same
        `Idempotency-Key` again: where the first one has registered the agent, it is answered with 200, `repeated` and
        an empty `api_key`; make another key then. The same key with another request is 422 `idempotency_key_reused`.
        """
        serializer = RegistrationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        public_key, key_type = values.pop("public_key", None), values.pop("public_key_type", None)
        # A structured string by the draft, in quotes; most clients send it bare.
        key = request.headers.get("Idempotency-Key", "").strip()
        if len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]
        registration = register_agent(self.actor, values, public_key=public_key, key_type=key_type, idempotency_key=key)
        agent = AgentSerializer(agent_by_id(self.actor, registration.agent.id)).data
        answer = {
            **agent,
            "api_key": registration.api_key,
            "warnings": registration.warnings,
            "repeated": registration.repeated,
        }
        return Response(answer, status=200 if registration.repeated else 201)


@extend_schema(tags=["Agents"])
class AgentView(OneAgentView):
    permissions: ClassVar = {
        "GET": Permission.AGENTS_READ,
        "PATCH": Permission.AGENTS_WRITE,
        "DELETE": Permission.AGENTS_DELETE,
    }

    @extend_schema(summary="One agent", operation_id="agents_read", responses=AgentSerializer)
    def get(self, _request: Request, agent_id: str) -> Response:
        return Response(AgentSerializer(self.agent(agent_id)).data)

    @extend_schema(
        summary="Change an agent's configuration",
        operation_id="agents_update",
        request=ConfigurationSerializer,
        responses=AgentSerializer,
    )
    def patch(self, request: Request, agent_id: str) -> Response:
        """In force for every decision after it; `config_version` grows, the history keeps before and after.

        Lists are replaced as a whole. The public key has a way of its own: `POST /api/v1/agents/{agent_id}/keys`.
        """
        agent = self.agent(agent_id)
        serializer = ConfigurationSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        update_agent(self.actor, agent.id, changes=serializer.validated_data)
        return Response(self.shown(agent.id))

    @extend_schema(summary="Delete an agent", operation_id="agents_delete", responses={204: None})
    def delete(self, _request: Request, agent_id: str) -> Response:
        """Refused (409) for an agent that has records: revoke that one instead."""
        delete_agent(self.actor, self.agent(agent_id).id)
        return Response(status=204)


@extend_schema(tags=["Agents"])
class HistoryView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}
    pagination_class = CursorPages

    @extend_schema(summary="An agent's history", operation_id="agents_history", responses=HistorySerializer(many=True))
    def get(self, request: Request, agent_id: str) -> Response:
        """Every change, newest first: who, when, and before and after of each field."""
        pages = CursorPages()
        rows = pages.paginate_queryset(history_of(self.agent(agent_id)), request, self)
        return pages.get_paginated_response(HistorySerializer(rows, many=True).data)


@extend_schema(tags=["Agents"])
class CapabilitiesView(ActorView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}

    @extend_schema(
        summary="The capability catalogue", operation_id="capabilities", responses=CapabilitySerializer(many=True)
    )
    def get(self, _request: Request) -> Response:
        """What an agent may be given, how risky it is, and which action types it covers. Unknown actions are denied."""
        return Response(CapabilitySerializer(list(CATALOGUE.values()), many=True).data)
