"""The API of verification runs and of the credentials that they use."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.errors import NotFoundError
from aim.ids import IdKind
from mcp.api.run_serializers import CredentialSerializer, RunSerializer, ShownCredentialSerializer
from mcp.api.views import TAGS, OneServerView
from mcp.models import VerificationRun
from mcp.selectors import credential_of, run_by_id, runs_of
from mcp.services.credentials import remove_credential, set_credential
from mcp.services.runs import start_run

Purpose, Trigger = VerificationRun.Purpose, VerificationRun.Trigger


class RunStartingView(OneServerView):
    def start(self, server_id: str, purpose: str) -> Response:
        server = self.server(server_id)
        run = start_run(self.actor, server.id, purpose=purpose, trigger=Trigger.MANUAL)
        return Response(RunSerializer(run_by_id(server, run.id)).data, status=202)


@extend_schema(tags=TAGS)
class VerifyServerView(RunStartingView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Verify an MCP server",
        operation_id="mcp_servers_verify",
        request=None,
        responses={202: RunSerializer},
    )
    def post(self, _request: Request, server_id: str) -> Response:
        """Begins a run, or answers the one that is under way; follow it by its id until `finished_at` is set."""
        return self.start(server_id, Purpose.VERIFICATION)


@extend_schema(tags=TAGS)
class ServerConnectionTestView(RunStartingView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Test the connection to an MCP server",
        operation_id="mcp_servers_test",
        request=None,
        responses={202: RunSerializer},
    )
    def post(self, _request: Request, server_id: str) -> Response:
        """A run that changes nothing of the server: connection, authentication, TLS, health and capabilities."""
        return self.start(server_id, Purpose.TEST)


@extend_schema(tags=TAGS)
class RunsView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}
    pagination_class = CursorPages

    @extend_schema(
        summary="A server's verification runs", operation_id="mcp_runs_list", responses=RunSerializer(many=True)
    )
    def get(self, request: Request, server_id: str) -> Response:
        """Newest first, a page at a time: follow `next`."""
        pages = CursorPages()
        rows = pages.paginate_queryset(runs_of(self.server(server_id)), request, self)
        return pages.get_paginated_response(RunSerializer(rows, many=True).data)


@extend_schema(tags=TAGS)
class RunView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(summary="One verification run", operation_id="mcp_runs_read", responses=RunSerializer)
    def get(self, _request: Request, server_id: str, run_id: str) -> Response:
        """Its steps are saved as they change: ask again while `finished_at` is null."""
        server = self.server(server_id)
        return Response(RunSerializer(run_by_id(server, path_id(IdKind.MCP_RUN, run_id))).data)


@extend_schema(tags=TAGS)
class CredentialView(OneServerView):
    permissions: ClassVar = {
        "GET": Permission.MCP_READ,
        "PUT": Permission.MCP_WRITE,
        "DELETE": Permission.MCP_WRITE,
    }

    @extend_schema(
        summary="How AIM authenticates itself to a server",
        operation_id="mcp_credential_read",
        responses=ShownCredentialSerializer,
    )
    def get(self, _request: Request, server_id: str) -> Response:
        """What may be shown of the credential; 404 where there is none."""
        credential = credential_of(self.server(server_id))
        if credential is None:
            raise NotFoundError
        return Response(ShownCredentialSerializer(credential).data)

    @extend_schema(
        summary="Set the credential for a server",
        operation_id="mcp_credential_set",
        request=CredentialSerializer,
        responses=ShownCredentialSerializer,
    )
    def put(self, request: Request, server_id: str) -> Response:
        """Encrypted at rest and never shown again. The server is verified with it at once."""
        server = self.server(server_id)
        serializer = CredentialSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(serializer.validated_data)
        credential = set_credential(self.actor, server.id, method=values.pop("method"), fields=values)
        return Response(ShownCredentialSerializer(credential).data)

    @extend_schema(
        summary="Remove the credential for a server", operation_id="mcp_credential_remove", responses={204: None}
    )
    def delete(self, _request: Request, server_id: str) -> Response:
        """AIM authenticates itself by nothing from then on, and the server is unverified."""
        server = self.server(server_id)
        remove_credential(self.actor, server.id)
        return Response(status=204)
