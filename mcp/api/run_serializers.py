"""The JSON of verification runs and of credentials."""

from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from aim.api.serializers import IdField, MomentField, StepSerializer, StrictSerializer
from aim.ids import IdKind
from mcp.api.serializers import CredentialFieldsSerializer, ServerKeySerializer
from mcp.credentials import FIELDS
from mcp.models import AuthMethod, VerificationRun


class RunSerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_RUN, read_only=True)
    purpose = serializers.ChoiceField(choices=VerificationRun.Purpose.choices, read_only=True)
    trigger = serializers.ChoiceField(choices=VerificationRun.Trigger.choices, read_only=True)
    method = serializers.ChoiceField(choices=VerificationRun.Method.choices, read_only=True)
    state = serializers.ChoiceField(choices=VerificationRun.State.choices, read_only=True)
    key = ServerKeySerializer(read_only=True, allow_null=True, help_text="The key that has signed, or is to.")
    steps = StepSerializer(many=True, read_only=True)
    error_code = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True)
    protocol = serializers.CharField(read_only=True)
    tls_version = serializers.CharField(read_only=True)
    duration_ms = serializers.FloatField(read_only=True, allow_null=True)
    response_ms = serializers.FloatField(
        read_only=True, allow_null=True, help_text="What the server took to answer the challenge, else the handshake."
    )
    started_by = PersonSerializer(read_only=True, allow_null=True, help_text="Null where a rule has begun it.")
    created_at = MomentField(read_only=True)
    started_at = MomentField(read_only=True, allow_null=True)
    finished_at = MomentField(read_only=True, allow_null=True)


class CredentialSerializer(CredentialFieldsSerializer):
    method = serializers.ChoiceField(choices=[(name, AuthMethod(name).label) for name in FIELDS])


class ShownCredentialSerializer(StrictSerializer):
    method = serializers.CharField(read_only=True)
    shown = serializers.DictField(read_only=True, help_text="What is no secret. Secrets are never shown again.")
    expires_at = MomentField(read_only=True, allow_null=True)
    set_by = PersonSerializer(read_only=True, allow_null=True)
    set_at = MomentField(read_only=True)
