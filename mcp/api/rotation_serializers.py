"""The JSON of key rotations."""

from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from agents.api.serializers import MAX_PEM
from aim import clock
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, TruthField, WholeNumberField
from aim.ids import IdKind
from mcp.api.serializers import ServerKeySerializer
from mcp.configuration import MAX_URL
from mcp.keys import DEFAULT_DAYS, day_of
from mcp.models import KeyRotation

_KEY_TYPES = "RSA-2048, RSA-4096, Ed25519 or ECDSA-P256, in any case. When given, the key must be of this type."


class NewKeySerializer(StrictSerializer):
    public_key = TextField(max_length=MAX_PEM, help_text="One public key in PEM form.")
    key_type = TextField(required=False, max_length=20, help_text=_KEY_TYPES)


class RotateKeySerializer(NewKeySerializer):
    # The services name the bounds in the words people know.
    method = serializers.ChoiceField(choices=KeyRotation.Method.choices, default=KeyRotation.Method.GRADUAL)
    days = WholeNumberField(
        default=DEFAULT_DAYS, min_value=-1000, max_value=1000, help_text="Of a gradual rollover: 1 to 30."
    )
    verification_url = TextField(
        default="", allow_blank=True, max_length=MAX_URL, help_text="Where it changes with the key; tested first."
    )
    server_updated = TruthField(help_text="Your word that the server has the new private key.")


class KeyCheckSerializer(StrictSerializer):
    name = serializers.CharField(read_only=True, help_text="pem, type, length or different.")
    title = serializers.CharField(read_only=True)
    result = serializers.CharField(read_only=True, help_text="passed, failed, or open where nothing was looked at.")
    detail = serializers.CharField(read_only=True)


class ExaminationSerializer(StrictSerializer):
    passed = serializers.BooleanField(read_only=True)
    checks = KeyCheckSerializer(many=True, read_only=True)
    type = serializers.CharField(source="info.label", read_only=True, default=None, allow_null=True)
    fingerprint = serializers.CharField(source="info.fingerprint", read_only=True, default=None, allow_null=True)


class RotationSerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_ROTATION, read_only=True)
    method = serializers.CharField(read_only=True, help_text="immediate or gradual.")
    state = serializers.CharField(read_only=True, help_text="confirming, proving, rolling, completed or abandoned.")
    days = serializers.IntegerField(read_only=True)
    day = serializers.SerializerMethodField(help_text="Day n of `days`, during the rollover.")
    old_key = ServerKeySerializer(read_only=True, allow_null=True)
    new_key = ServerKeySerializer(read_only=True)
    verification_url = serializers.CharField(read_only=True)
    confirmed_how = serializers.CharField(read_only=True, help_text="old_key, second_admin, or empty.")
    completion = serializers.CharField(read_only=True, help_text="immediate, automatic, early, revoked, or empty.")
    reason = serializers.CharField(read_only=True)
    started_by = PersonSerializer(read_only=True, allow_null=True)
    confirmed_by = PersonSerializer(read_only=True, allow_null=True)
    reminders = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    created_at = MomentField(read_only=True)
    proved_at = MomentField(read_only=True, allow_null=True)
    ends_at = MomentField(read_only=True, allow_null=True)
    completed_at = MomentField(read_only=True, allow_null=True)

    def get_day(self, rotation: KeyRotation) -> int | None:
        if rotation.state != KeyRotation.State.ROLLING or rotation.proved_at is None:
            return None
        return day_of(rotation.proved_at, rotation.days, clock.now())
