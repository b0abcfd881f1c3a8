"""The API of the caller's own notifications."""

from typing import ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.notifications.models import Notification
from accounts.notifications.selectors import notifications_of
from accounts.permissions import Permission
from accounts.services.notifications import mark_all_read, mark_read
from aim.api.path_ids import path_id
from aim.api.serializers import IdField, MomentField, StrictSerializer
from aim.ids import IdKind


class NotificationFilters(filters.FilterSet):  # type: ignore[misc]
    unread = filters.BooleanFilter(
        field_name="read_at", lookup_expr="isnull", help_text="Only those that are not read, or only those that are."
    )

    class Meta:
        model = Notification
        fields: ClassVar[list[str]] = []


class NotificationSerializer(StrictSerializer):
    id = IdField(kind=IdKind.NOTIFICATION, read_only=True)
    kind = serializers.CharField(read_only=True, help_text="What sort of event it tells of.")
    text = serializers.CharField(read_only=True)
    path = serializers.CharField(read_only=True, help_text="The page of the console where it can be looked at.")
    count = serializers.IntegerField(read_only=True, help_text="How many events of the kind it stands for.")
    happened_at = MomentField(read_only=True)
    read_at = MomentField(read_only=True, allow_null=True)


class ReadNotificationsSerializer(StrictSerializer):
    upto = IdField(
        kind=IdKind.NOTIFICATION, required=False, help_text="The newest that was seen; without it, all are marked."
    )


class MarkedSerializer(StrictSerializer):
    marked = serializers.IntegerField(read_only=True)


@extend_schema(tags=["Notifications"])
class NotificationsView(ActorView, GenericAPIView[Notification]):
    permissions: ClassVar = {"GET": Permission.NOTIFICATIONS_OWN}
    filterset_class = NotificationFilters
    queryset = Notification.objects.none()

    @extend_schema(
        summary="List your notifications",
        operation_id="notifications_list",
        responses=NotificationSerializer(many=True),
    )
    def get(self, _request: Request) -> Response:
        """What you were told in this organization, newest first. One that counts up gets a new id."""
        rows = self.paginate_queryset(self.filter_queryset(notifications_of(self.actor)))
        return self.get_paginated_response(NotificationSerializer(rows, many=True).data)


@extend_schema(tags=["Notifications"])
class NotificationsReadView(ActorView):
    permissions: ClassVar = {"POST": Permission.NOTIFICATIONS_OWN}

    @extend_schema(
        summary="Mark your notifications as read",
        operation_id="notifications_read_all",
        request=ReadNotificationsSerializer,
        responses=MarkedSerializer,
    )
    def post(self, request: Request) -> Response:
        """All of them, or those up to the one that is named."""
        serializer = ReadNotificationsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({"marked": mark_all_read(self.actor, upto=serializer.validated_data.get("upto"))})


@extend_schema(tags=["Notifications"])
class NotificationReadView(ActorView):
    permissions: ClassVar = {"POST": Permission.NOTIFICATIONS_OWN}

    @extend_schema(
        summary="Mark a notification as read",
        operation_id="notifications_read",
        request=None,
        responses=NotificationSerializer,
    )
    def post(self, _request: Request, notification_id: str) -> Response:
        """404 for one that has counted up meanwhile: what is new in it was not seen."""
        notification = mark_read(self.actor, path_id(IdKind.NOTIFICATION, notification_id))
        return Response(NotificationSerializer(notification).data)
