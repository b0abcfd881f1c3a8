"""The API of the registry of MCP servers."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from agents.api.serializers import HistorySerializer, ReasonSerializer
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind
from mcp.api.filters import ServerFilters
from mcp.api.serializers import (
    OfferingSerializer,
    RegisteredServerSerializer,
    ServerConfigurationSerializer,
    ServerRegistrationSerializer,
    ServerSerializer,
    ToolChangeSerializer,
    ToolSerializer,
)
from mcp.configuration import configuration_of, notices_of
from mcp.models import McpServer
from mcp.selectors import changes_of_tools, history_of, server_by_id, servers_visible_to, tool_by_id
from mcp.services.lifecycle import resume_server, retire_server, suspend_server
from mcp.services.offerings import approve_offering
from mcp.services.registration import register_server, update_server
from mcp.services.tools import approve_definition, reject_definition, update_tool

TAGS = ["MCP servers"]


class OneServerView(ActorView):
    """The base of the views below `/mcp-servers/{server_id}`."""

    def server(self, server_id: str) -> McpServer:
        """The server as the caller may see it; `NotFoundError` otherwise, before a body is even looked at."""
        return server_by_id(self.actor, path_id(IdKind.MCP_SERVER, server_id))

    def shown(self, server_id: UUID) -> dict[str, Any]:
        return dict(ServerSerializer(server_by_id(self.actor, server_id)).data)


@extend_schema(tags=TAGS)
class ServersView(ActorView, GenericAPIView[McpServer]):
    permissions: ClassVar = {"GET": Permission.MCP_READ, "POST": Permission.MCP_WRITE}
    filterset_class = ServerFilters
    queryset = McpServer.objects.none()

    @extend_schema(
        summary="List the MCP servers", operation_id="mcp_servers_list", responses=ServerSerializer(many=True)
    )
    def get(self, _request: Request) -> Response:
        """Newest first, a page at a time: follow `next`."""
        rows = self.paginate_queryset(self.filter_queryset(servers_visible_to(self.actor)))
        return self.get_paginated_response(ServerSerializer(rows, many=True).data)

    @extend_schema(
        summary="Register an MCP server",
        operation_id="mcp_servers_create",
        request=ServerRegistrationSerializer,
        responses={201: RegisteredServerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Active and unverified: no agent may call it before the run that begins at once has proved it."""
        serializer = ServerRegistrationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        public_key, key_type = values.pop("public_key", None), values.pop("key_type", None)
        credential = values.pop("credential", None)
        server = register_server(
            self.actor,
            values,
            public_key=public_key,
            key_type=known_type(key_type),
            credential=credential,
        )
        notices = notices_of(configuration_of(server), has_key=bool(public_key))
        shown = ServerSerializer(server_by_id(self.actor, server.id)).data
        return Response({**shown, "notices": notices}, status=201)


@extend_schema(tags=TAGS)
class ServerView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ, "PATCH": Permission.MCP_WRITE}

    @extend_schema(summary="One MCP server", operation_id="mcp_servers_read", responses=ServerSerializer)
    def get(self, _request: Request, server_id: str) -> Response:
        return Response(ServerSerializer(self.server(server_id)).data)

    @extend_schema(
        summary="Change an MCP server's configuration",
        operation_id="mcp_servers_update",
        request=ServerConfigurationSerializer,
        responses=ServerSerializer,
    )
    def patch(self, request: Request, server_id: str) -> Response:
        """In force for every decision after it. A server with another address or credential is unverified again."""
        server = self.server(server_id)
        serializer = ServerConfigurationSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        update_server(self.actor, server.id, changes=serializer.validated_data)
        return Response(self.shown(server.id))


class ReasonedServerView(OneServerView):
    """A change of state that needs a reason and nothing else."""

    def change_with(self, service: Callable[..., McpServer], request: Request, server_id: str) -> Response:
        server = self.server(server_id)
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        service(self.actor, server.id, reason=serializer.validated_data["reason"])
        return Response(self.shown(server.id))


@extend_schema(tags=TAGS)
class SuspendServerView(ReasonedServerView):
    permissions: ClassVar = {"POST": Permission.MCP_LIFECYCLE}

    @extend_schema(
        summary="Suspend an MCP server",
        operation_id="mcp_servers_suspend",
        request=ReasonSerializer,
        responses=ServerSerializer,
    )
    def post(self, request: Request, server_id: str) -> Response:
        """No call through the server is approved from the moment this is answered."""
        return self.change_with(suspend_server, request, server_id)


@extend_schema(tags=TAGS)
class ResumeServerView(ReasonedServerView):
    permissions: ClassVar = {"POST": Permission.MCP_LIFECYCLE}

    @extend_schema(
        summary="Resume an MCP server",
        operation_id="mcp_servers_resume",
        request=ReasonSerializer,
        responses=ServerSerializer,
    )
    def post(self, request: Request, server_id: str) -> Response:
        """Only a suspended server (409 otherwise)."""
        return self.change_with(resume_server, request, server_id)


@extend_schema(tags=TAGS)
class RetireServerView(ReasonedServerView):
    permissions: ClassVar = {"POST": Permission.MCP_LIFECYCLE}

    @extend_schema(
        summary="Retire an MCP server",
        operation_id="mcp_servers_retire",
        request=ReasonSerializer,
        responses=ServerSerializer,
    )
    def post(self, request: Request, server_id: str) -> Response:
        """For ever. The server stays in the registry with its records, and every call through it is denied."""
        return self.change_with(retire_server, request, server_id)


@extend_schema(tags=TAGS)
class ServerHistoryView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}
    pagination_class = CursorPages

    @extend_schema(
        summary="An MCP server's history", operation_id="mcp_servers_history", responses=HistorySerializer(many=True)
    )
    def get(self, request: Request, server_id: str) -> Response:
        """Every change, newest first: who, when, and before and after of each field."""
        pages = CursorPages()
        rows = pages.paginate_queryset(history_of(self.server(server_id)), request, self)
        return pages.get_paginated_response(HistorySerializer(rows, many=True).data)


@extend_schema(tags=TAGS)
class ToolsView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(summary="A server's tools", operation_id="mcp_tools_list", responses=ToolSerializer(many=True))
    def get(self, _request: Request, server_id: str) -> Response:
        """As the last verification run found them, by name. New tools are off until somebody switches them on."""
        return Response(ToolSerializer(self.server(server_id).tools.all(), many=True).data)


@extend_schema(tags=TAGS)
class OfferingsView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(
        summary="What a server offers beside its tools",
        operation_id="mcp_offerings_list",
        responses=OfferingSerializer(many=True),
    )
    def get(self, _request: Request, server_id: str) -> Response:
        """Its instructions to models, its resources and prompts, as they are pinned and as it offers them now."""
        return Response(OfferingSerializer(self.server(server_id).offerings.all(), many=True).data)


@extend_schema(tags=TAGS)
class ApproveOfferingView(OneServerView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Approve instructions, a resource or a prompt as it is offered now",
        operation_id="mcp_offerings_approve",
        request=None,
        responses=OfferingSerializer,
    )
    def post(self, _request: Request, server_id: str, offering_id: str) -> Response:
        """It becomes what is approved (409 where nothing has changed); tools that were held for it are free again."""
        server = self.server(server_id)
        row = approve_offering(self.actor, server.id, path_id(IdKind.MCP_OFFERING, offering_id))
        return Response(OfferingSerializer(row).data)


@extend_schema(tags=TAGS)
class ToolView(OneServerView):
    permissions: ClassVar = {"PATCH": Permission.MCP_WRITE}

    @extend_schema(
        summary="Allow or block a tool",
        operation_id="mcp_tools_update",
        request=ToolSerializer,
        responses=ToolSerializer,
    )
    def patch(self, request: Request, server_id: str, tool_id: str) -> Response:
        """`enabled` and `permission` (auto, approval, blocked): in force for the very next call."""
        server = self.server(server_id)
        tool = tool_by_id(server, path_id(IdKind.MCP_TOOL, tool_id))
        serializer = ToolSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = update_tool(self.actor, server.id, tool.id, **serializer.validated_data)
        return Response(ToolSerializer(changed).data)


@extend_schema(tags=TAGS)
class ApproveToolView(OneServerView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Approve a tool's new definition",
        operation_id="mcp_tools_approve",
        request=None,
        responses=ToolSerializer,
    )
    def post(self, _request: Request, server_id: str, tool_id: str) -> Response:
        """What the server offers now becomes what is approved (409 where nothing has changed)."""
        server = self.server(server_id)
        tool = tool_by_id(server, path_id(IdKind.MCP_TOOL, tool_id))
        return Response(ToolSerializer(approve_definition(self.actor, server.id, tool.id)).data)


@extend_schema(tags=TAGS)
class RejectToolView(OneServerView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Reject a tool's new definition",
        operation_id="mcp_tools_reject",
        request=None,
        responses=ToolSerializer,
    )
    def post(self, _request: Request, server_id: str, tool_id: str) -> Response:
        """The tool stays off while the server offers it in this form (409 where nothing has changed)."""
        server = self.server(server_id)
        tool = tool_by_id(server, path_id(IdKind.MCP_TOOL, tool_id))
        return Response(ToolSerializer(reject_definition(self.actor, server.id, tool.id)).data)


@extend_schema(tags=TAGS)
class ToolChangesView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}
    pagination_class = CursorPages

    @extend_schema(
        summary="What has changed of a server's tools",
        operation_id="mcp_tool_changes",
        responses=ToolChangeSerializer(many=True),
    )
    def get(self, request: Request, server_id: str) -> Response:
        """Newest first. All of it may be hostile text."""
        pages = CursorPages()
        rows = pages.paginate_queryset(changes_of_tools(self.server(server_id)), request, self)
        return pages.get_paginated_response(ToolChangeSerializer(rows, many=True).data)


def known_type(text: str | None) -> str | None:
    """P-256 is written with a hyphen, with a space or without; the name in `aim.crypto` has none."""
    return text.lower().replace(" ", "-").replace("p-256", "p256") if text else text
