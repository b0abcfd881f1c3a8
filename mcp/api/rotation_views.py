"""The API of the change of a server's key."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from agents.api.serializers import ReasonSerializer
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind
from mcp.api.rotation_serializers import (
    ExaminationSerializer,
    NewKeySerializer,
    RotateKeySerializer,
    RotationSerializer,
)
from mcp.api.run_serializers import RunSerializer
from mcp.api.serializers import ServerSerializer
from mcp.api.views import TAGS, OneServerView, known_type
from mcp.models import KeyRotation
from mcp.selectors import rotation_by_id, rotations_of, run_by_id
from mcp.services.rotation import (
    RotationPlan,
    abandon_rotation,
    complete_rotation,
    confirm_rotation,
    examine_new_key,
    prove_rotation,
    revoke_key,
    start_rotation,
)


@extend_schema(tags=TAGS)
class CheckKeyView(OneServerView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Check a new key before the rotation",
        operation_id="mcp_keys_check",
        request=NewKeySerializer,
        responses=ExaminationSerializer,
    )
    def post(self, request: Request, server_id: str) -> Response:
        """Valid PEM, valid key, correct length, different from the current key. Nothing is kept."""
        server = self.server(server_id)
        serializer = NewKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        examined = examine_new_key(
            self.actor, server.id, public_key=values["public_key"], key_type=known_type(values.get("key_type"))
        )
        return Response(ExaminationSerializer(examined).data)


@extend_schema(tags=TAGS)
class RotateKeyView(OneServerView):
    permissions: ClassVar = {"PUT": Permission.MCP_WRITE}

    @extend_schema(
        summary="Rotate an MCP server's key",
        operation_id="mcp_keys_rotate",
        request=RotateKeySerializer,
        responses=RotationSerializer,
    )
    def put(self, request: Request, server_id: str) -> Response:
        """The old key stays in charge until the new one is proved (`POST …/rotations/{id}/prove`).

        A server with a proved key waits for that key's proof, which the same run asks for, or for a second admin.
        """
        server = self.server(server_id)
        serializer = RotateKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        plan = RotationPlan(**{**values, "key_type": known_type(values.get("key_type"))})
        rotation = start_rotation(self.actor, server.id, plan)
        return Response(RotationSerializer(rotation_by_id(server, rotation.id)).data)


class OneRotationView(OneServerView):
    """The base of the views below `/mcp-servers/{server_id}/rotations/{rotation_id}`."""

    def ids(self, server_id: str, rotation_id: str) -> tuple[UUID, UUID]:
        """Of the server and the rotation as the caller may see them; `NotFoundError` otherwise."""
        server = self.server(server_id)
        return server.id, rotation_by_id(server, path_id(IdKind.MCP_ROTATION, rotation_id)).id

    def shown_rotation(self, rotation: KeyRotation) -> Response:
        return Response(RotationSerializer(rotation_by_id(rotation.server, rotation.id)).data)


@extend_schema(tags=TAGS)
class RotationsView(OneServerView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}
    pagination_class = CursorPages

    @extend_schema(
        summary="An MCP server's key rotations",
        operation_id="mcp_rotations_list",
        responses=RotationSerializer(many=True),
    )
    def get(self, request: Request, server_id: str) -> Response:
        """Newest first, those under way and those that are over."""
        pages = CursorPages()
        rows = pages.paginate_queryset(rotations_of(self.server(server_id)), request, self)
        return pages.get_paginated_response(RotationSerializer(rows, many=True).data)


@extend_schema(tags=TAGS)
class RotationView(OneRotationView):
    permissions: ClassVar = {"GET": Permission.MCP_READ}

    @extend_schema(summary="One key rotation", operation_id="mcp_rotations_read", responses=RotationSerializer)
    def get(self, _request: Request, server_id: str, rotation_id: str) -> Response:
        server = self.server(server_id)
        rotation = rotation_by_id(server, path_id(IdKind.MCP_ROTATION, rotation_id))
        return Response(RotationSerializer(rotation).data)


@extend_schema(tags=TAGS)
class ProveRotationView(OneRotationView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Verify the new key of a rotation",
        operation_id="mcp_rotations_prove",
        request=None,
        responses={202: RunSerializer},
    )
    def post(self, _request: Request, server_id: str, rotation_id: str) -> Response:
        """Begins a run. Where the old key has not agreed yet, it is asked first, and the new key's run follows."""
        server = self.server(server_id)
        rotation = rotation_by_id(server, path_id(IdKind.MCP_ROTATION, rotation_id))
        run = prove_rotation(self.actor, server.id, rotation_id=rotation.id)
        return Response(RunSerializer(run_by_id(server, run.id)).data, status=202)


@extend_schema(tags=TAGS)
class ConfirmRotationView(OneRotationView):
    permissions: ClassVar = {"POST": Permission.MCP_ATTEST}

    @extend_schema(
        summary="Confirm a key rotation as a second admin",
        operation_id="mcp_rotations_confirm",
        request=None,
        responses=RotationSerializer,
    )
    def post(self, _request: Request, server_id: str, rotation_id: str) -> Response:
        """Where the old key cannot sign; never by the person who started it (409)."""
        server, rotation = self.ids(server_id, rotation_id)
        return self.shown_rotation(confirm_rotation(self.actor, server, rotation_id=rotation))


@extend_schema(tags=TAGS)
class CompleteRotationView(OneRotationView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Complete a rollover early",
        operation_id="mcp_rotations_complete",
        request=None,
        responses=RotationSerializer,
    )
    def post(self, _request: Request, server_id: str, rotation_id: str) -> Response:
        """The old key is no longer accepted from the moment this is answered (409 where no rollover is under way)."""
        server, rotation = self.ids(server_id, rotation_id)
        return self.shown_rotation(complete_rotation(self.actor, server, rotation_id=rotation))


@extend_schema(tags=TAGS)
class AbandonRotationView(OneRotationView):
    permissions: ClassVar = {"POST": Permission.MCP_WRITE}

    @extend_schema(
        summary="Abandon a key rotation",
        operation_id="mcp_rotations_abandon",
        request=ReasonSerializer,
        responses=RotationSerializer,
    )
    def post(self, request: Request, server_id: str, rotation_id: str) -> Response:
        """The old key stays in charge. Only before the new key is proved (409 afterwards: revoke one of the keys)."""
        server, rotation = self.ids(server_id, rotation_id)
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reason = serializer.validated_data["reason"]
        return self.shown_rotation(abandon_rotation(self.actor, server, rotation_id=rotation, reason=reason))


@extend_schema(tags=TAGS)
class RevokeKeyView(OneServerView):
    permissions: ClassVar = {"POST": Permission.MCP_LIFECYCLE}

    @extend_schema(
        summary="Revoke a key of an MCP server",
        operation_id="mcp_keys_revoke",
        request=ReasonSerializer,
        responses=ServerSerializer,
    )
    def post(self, request: Request, server_id: str, server_key_id: str) -> Response:
        """For a key that may be stolen. Without another proved key the server is unverified, and its calls denied."""
        server = self.server(server_id)
        serializer = ReasonSerializer(data=request.data)
        key_id = path_id(IdKind.MCP_KEY, server_key_id)
        serializer.is_valid(raise_exception=True)
        revoke_key(self.actor, server.id, key_id=key_id, reason=serializer.validated_data["reason"])
        return Response(self.shown(server.id))
