"""The API of requests for agents."""

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from agents.catalogue import CATALOGUE
from agents.requests.models import AgentRequest
from agents.requests.selectors import agent_request_by_id, agent_requests_visible_to
from agents.services.requests import (
    LONGEST_NAME,
    LONGEST_PURPOSE,
    MOST_RESOURCES,
    decline_agent_request,
    fulfil_agent_request,
    request_agent,
    withdraw_agent_request,
)
from aim.api.path_ids import path_id
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField
from aim.ids import IdKind


class NewAgentRequestSerializer(StrictSerializer):
    display_name = TextField(max_length=LONGEST_NAME)
    purpose = TextField(max_length=LONGEST_PURPOSE)
    capabilities = serializers.ListField(
        child=serializers.ChoiceField(choices=[(code, code) for code in CATALOGUE]), required=False, default=list
    )
    resource_scope = serializers.ListField(
        child=TextField(max_length=1000), max_length=MOST_RESOURCES, required=False, default=list
    )


class AgentRequestSerializer(StrictSerializer):
    id = IdField(kind=IdKind.AGENT_REQUEST, read_only=True)
    display_name = serializers.CharField(read_only=True)
    purpose = serializers.CharField(read_only=True)
    capabilities = serializers.ListField(child=serializers.CharField(), read_only=True)
    resource_scope = serializers.ListField(child=serializers.CharField(), read_only=True)
    status = serializers.ChoiceField(choices=AgentRequest.Status.choices, read_only=True)
    requested_by = serializers.EmailField(source="requested_by.email", default=None, read_only=True, allow_null=True)
    agent_id = IdField(kind=IdKind.AGENT, read_only=True, allow_null=True)
    decided_by = serializers.EmailField(source="decided_by.email", default=None, read_only=True, allow_null=True)
    decided_at = MomentField(read_only=True, allow_null=True)
    note = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)


class NoteSerializer(StrictSerializer):
    note = TextField(max_length=2000)


class FulfilSerializer(StrictSerializer):
    agent_id = IdField(kind=IdKind.AGENT)


class AgentRequestFilters(filters.FilterSet):  # type: ignore[misc]
    status = filters.MultipleChoiceFilter(choices=AgentRequest.Status.choices)

    class Meta:
        model = AgentRequest
        fields: ClassVar[list[str]] = []


def shown(row: AgentRequest) -> dict[str, Any]:
    return dict(AgentRequestSerializer(row).data)


@extend_schema(tags=["Requests for agents"])
class AgentRequestsView(ActorView, GenericAPIView[AgentRequest]):
    permissions: ClassVar = {"GET": Permission.AGENTS_REQUEST, "POST": Permission.AGENTS_REQUEST}
    filterset_class = AgentRequestFilters
    queryset = AgentRequest.objects.none()

    @extend_schema(
        summary="List the requests for agents",
        operation_id="agent_requests_list",
        responses=AgentRequestSerializer(many=True),
    )
    def get(self, _request: Request) -> Response:
        """Newest first: with `agents:write` everybody's, otherwise your own."""
        rows = self.paginate_queryset(self.filter_queryset(agent_requests_visible_to(self.actor)))
        return self.get_paginated_response(AgentRequestSerializer(rows, many=True).data)

    @extend_schema(
        summary="Ask for an agent",
        operation_id="agent_requests_create",
        request=NewAgentRequestSerializer,
        responses={201: AgentRequestSerializer},
    )
    def post(self, request: Request) -> Response:
        """Those who register agents are told of it. At most 20 of your requests may be open."""
        serializer = NewAgentRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = request_agent(self.actor, **serializer.validated_data)
        return Response(shown(agent_request_by_id(self.actor, row.id)), status=201)


@extend_schema(tags=["Requests for agents"])
class AgentRequestView(ActorView):
    permissions: ClassVar = {"GET": Permission.AGENTS_REQUEST}

    @extend_schema(
        summary="One request for an agent", operation_id="agent_requests_read", responses=AgentRequestSerializer
    )
    def get(self, _request: Request, request_id: str) -> Response:
        return Response(shown(agent_request_by_id(self.actor, path_id(IdKind.AGENT_REQUEST, request_id))))


@extend_schema(tags=["Requests for agents"])
class AgentRequestDeclineView(ActorView):
    permissions: ClassVar = {"POST": Permission.AGENTS_WRITE}

    @extend_schema(
        summary="Decline a request for an agent",
        operation_id="agent_requests_decline",
        request=NoteSerializer,
        responses=AgentRequestSerializer,
    )
    def post(self, request: Request, request_id: str) -> Response:
        """Whoever asked reads the note. 409 once it is decided."""
        identifier = agent_request_by_id(self.actor, path_id(IdKind.AGENT_REQUEST, request_id)).id
        serializer = NoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        decline_agent_request(self.actor, identifier, note=serializer.validated_data["note"])
        return Response(shown(agent_request_by_id(self.actor, identifier)))


@extend_schema(tags=["Requests for agents"])
class AgentRequestWithdrawView(ActorView):
    permissions: ClassVar = {"POST": Permission.AGENTS_REQUEST}

    @extend_schema(
        summary="Withdraw your request for an agent",
        operation_id="agent_requests_withdraw",
        request=None,
        responses=AgentRequestSerializer,
    )
    def post(self, _request: Request, request_id: str) -> Response:
        identifier = path_id(IdKind.AGENT_REQUEST, request_id)
        withdraw_agent_request(self.actor, identifier)
        return Response(shown(agent_request_by_id(self.actor, identifier)))


@extend_schema(tags=["Requests for agents"])
class AgentRequestFulfilView(ActorView):
    permissions: ClassVar = {"POST": Permission.AGENTS_WRITE}

    @extend_schema(
        summary="Fulfil a request with an agent",
        operation_id="agent_requests_fulfil",
        request=FulfilSerializer,
        responses=AgentRequestSerializer,
    )
    def post(self, request: Request, request_id: str) -> Response:
        """With the agent that was registered for it, or one that does already. 409 once it is decided."""
        identifier = agent_request_by_id(self.actor, path_id(IdKind.AGENT_REQUEST, request_id)).id
        serializer = FulfilSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fulfil_agent_request(self.actor, identifier, serializer.validated_data["agent_id"])
        return Response(shown(agent_request_by_id(self.actor, identifier)))
