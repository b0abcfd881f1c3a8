"""The API of the organization's data classes."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind
from verification.api.policy_serializers import DataClassChangeSerializer, DataClassSerializer
from verification.policy_selectors import data_class_by_id, data_classes_visible_to
from verification.services.data_classes import create_data_class, delete_data_class, update_data_class


@extend_schema(tags=["Policies"])
class DataClassListView(ActorView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ, "POST": Permission.POLICIES_WRITE}
    pagination_class = CursorPages

    @extend_schema(
        summary="List the data classes", operation_id="data_classes", responses=DataClassSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(data_classes_visible_to(self.actor), request, self)
        return pages.get_paginated_response(DataClassSerializer(rows, many=True).data)

    @extend_schema(
        summary="Describe a class of data",
        operation_id="data_class_create",
        request=DataClassSerializer,
        responses={201: DataClassSerializer},
    )
    def post(self, request: Request) -> Response:
        """A name such as `sensitive`, and the patterns of the resources that hold such data."""
        serializer = DataClassSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = create_data_class(self.actor, **serializer.validated_data)
        return Response(DataClassSerializer(row).data, status=201)


@extend_schema(tags=["Policies"])
class DataClassView(ActorView):
    permissions: ClassVar = {
        "GET": Permission.POLICIES_READ,
        "PATCH": Permission.POLICIES_WRITE,
        "DELETE": Permission.POLICIES_WRITE,
    }

    @extend_schema(summary="One data class", operation_id="data_class", responses=DataClassSerializer)
    def get(self, _request: Request, data_class_id: str) -> Response:
        row = data_class_by_id(self.actor, path_id(IdKind.DATA_CLASS, data_class_id))
        return Response(DataClassSerializer(row).data)

    @extend_schema(
        summary="Change a data class",
        operation_id="data_class_update",
        request=DataClassChangeSerializer,
        responses=DataClassSerializer,
    )
    def patch(self, request: Request, data_class_id: str) -> Response:
        """In force for the next decision. Refused (409) for a class that active policies go by, where two people
        must agree on changes of policies.
        """
        row = data_class_by_id(self.actor, path_id(IdKind.DATA_CLASS, data_class_id))
        serializer = DataClassChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = update_data_class(self.actor, row.id, changes=serializer.validated_data)
        return Response(DataClassSerializer(changed).data)

    @extend_schema(summary="Delete a data class", operation_id="data_class_delete", responses={204: None})
    def delete(self, _request: Request, data_class_id: str) -> Response:
        """Refused (409) while a policy that is not retired goes by it."""
        delete_data_class(self.actor, path_id(IdKind.DATA_CLASS, data_class_id))
        return Response(status=204)
