"""The API of an organization's settings for decisions."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.serializers import StrictSerializer, WholeNumberField
from verification.models import VerificationSettings
from verification.selectors import verification_settings_of
from verification.services.settings import update_verification_settings


class VerificationSettingsSerializer(StrictSerializer):
    anomaly_effect = serializers.ChoiceField(
        choices=VerificationSettings.Effect.choices,
        required=False,
        help_text="What becomes of a request that is unlike its agent: a person is asked, it is denied, or nothing.",
    )
    anomaly_threshold = WholeNumberField(
        min_value=1, max_value=100, required=False, help_text="From this score in percent on. Default 80."
    )
    proposed = serializers.DictField(
        read_only=True,
        help_text="What waits for a second person, where the organization wants one for changes of policies: "
        "the same change by somebody else puts it in force.",
    )


@extend_schema(tags=["Settings"])
class VerificationSettingsView(ActorView):
    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ, "PATCH": Permission.ORGANIZATION_WRITE}

    @extend_schema(
        summary="Settings of decisions", operation_id="settings_verification", responses=VerificationSettingsSerializer
    )
    def get(self, _request: Request) -> Response:
        return Response(VerificationSettingsSerializer(verification_settings_of(self.actor)).data)

    @extend_schema(
        summary="Change the settings of decisions",
        operation_id="settings_verification_update",
        request=VerificationSettingsSerializer,
        responses=VerificationSettingsSerializer,
    )
    def patch(self, request: Request) -> Response:
        """In force for every decision after it, unless the organization wants a second person: see `proposed`."""
        serializer = VerificationSettingsSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        row = update_verification_settings(self.actor, **serializer.validated_data)
        return Response(VerificationSettingsSerializer(row).data)
