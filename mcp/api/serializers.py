"""The JSON of MCP servers and their tools."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from agents.api.serializers import MAX_PEM
from agents.configuration import MAX_DESCRIPTION, MAX_ITEM, MAX_ITEMS
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, TruthField, WholeNumberField
from aim.ids import IdKind
from mcp.configuration import BOUNDS, CHOICES, MAX_CERTIFICATE, MAX_URL
from mcp.credentials import MAX_SECRET
from mcp.drift import Kind
from mcp.models import DriftResponse, Offering, ServerStatus, Tool, VerificationStatus

_KEY_TYPES = "RSA-2048, RSA-4096, Ed25519 or ECDSA-P256, in any case. When given, the key must be of this type."


def _number(field: str, **options: Any) -> WholeNumberField:
    low, high = BOUNDS[field]
    return WholeNumberField(min_value=low, max_value=high, required=False, **options)


def _choice(field: str, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[field], required=False, **options)


def _texts(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=TextField(max_length=MAX_ITEM), max_length=MAX_ITEMS, required=False, **options)


def _secret(**options: Any) -> TextField:
    return TextField(required=False, write_only=True, max_length=MAX_SECRET, **options)


class ServerConfigurationSerializer(StrictSerializer):
    """What may be changed of a server. The rules stand in `mcp.configuration`."""

    name = TextField(max_length=100, help_text="Unique in the organization, upper and lower case alike.")
    display_name = TextField(max_length=200)
    version = TextField(max_length=50)
    url = TextField(max_length=MAX_URL, help_text="Where the server is called: https, or http on this very machine.")
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION)
    protocol = _choice("protocol", help_text="auto takes the newest that the server speaks.")
    health_endpoint = TextField(required=False, allow_blank=True, max_length=MAX_URL, help_text="Such as `/health`.")
    verification_url = TextField(
        required=False, allow_blank=True, max_length=MAX_URL, help_text="Where the server signs challenges."
    )
    timeout_seconds = _number("timeout_seconds", help_text="For each step of a verification. Default 30.")
    auth_method = _choice("auth_method", help_text="How AIM authenticates itself to the server.")
    ca_certificate = TextField(
        required=False, allow_blank=True, max_length=MAX_CERTIFICATE, help_text="PEM. Empty: the system's authorities."
    )
    allowed_ip_ranges = _texts(help_text="From where agents may call it, in CIDR form. Empty: from anywhere.")
    allowed_agents = _texts(help_text="`agt_…`. Empty: all verified agents.")
    rate_per_minute = _number("rate_per_minute", help_text="Calls of all agents together. Default 100.")
    verify_signature = TruthField(required=False)
    verify_tls = TruthField(required=False)
    verify_health = TruthField(required=False)
    verify_capabilities = TruthField(required=False)
    reverify_hours = _number("reverify_hours", help_text="Default 24.")
    failure_threshold = _number("failure_threshold", help_text="Failures in a row before it is suspended. Default 3.")
    auto_suspend = TruthField(required=False)
    notify_on_failure = TruthField(required=False)
    drift_response = _choice("drift_response", help_text="What a changed tool leads to. Default hold.")
    rotation_days = _number("rotation_days", help_text="After how long a key should be replaced. Default 90.")


class CredentialFieldsSerializer(StrictSerializer):
    """The fields of all methods; which belong to which stands in `mcp.credentials`."""

    header = TextField(required=False, max_length=100, help_text="API key: default Authorization.")
    scheme = TextField(required=False, allow_blank=True, max_length=100, help_text="API key: default Bearer.")
    api_key = _secret(help_text="API key.")
    token_url = TextField(required=False, max_length=2048, help_text="OAuth 2.0: the token endpoint.")
    client_id = TextField(required=False, max_length=MAX_SECRET, help_text="OAuth 2.0.")
    client_secret = _secret(help_text="OAuth 2.0.")
    scope = TextField(required=False, allow_blank=True, max_length=MAX_SECRET, help_text="OAuth 2.0.")
    resource = TextField(required=False, allow_blank=True, max_length=2048, help_text="OAuth 2.0, RFC 8707.")
    certificate = TextField(
        required=False, write_only=True, max_length=MAX_CERTIFICATE, help_text="Mutual TLS: PEM, own first."
    )
    private_key = TextField(
        required=False, write_only=True, max_length=MAX_CERTIFICATE, help_text="Mutual TLS: PEM, without a password."
    )
    key_id = TextField(required=False, max_length=200, help_text="HMAC.")
    secret = _secret(help_text="HMAC: shared with the server, at least 16 bytes.")


class ServerRegistrationSerializer(ServerConfigurationSerializer):
    public_key = TextField(required=False, allow_null=True, max_length=MAX_PEM, help_text="One public key in PEM form.")
    key_type = TextField(required=False, max_length=20, help_text=_KEY_TYPES)
    credential = CredentialFieldsSerializer(
        required=False, allow_null=True, write_only=True, help_text="The fields of the method of authentication."
    )


class ServerKeySerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_KEY, read_only=True)
    type = serializers.CharField(source="key_type", read_only=True)
    bits = serializers.IntegerField(read_only=True)
    fingerprint = serializers.CharField(read_only=True, help_text="SHA-256 of the DER, in colon hex.")
    thumbprint = serializers.CharField(read_only=True, help_text="RFC 7638.")
    status = serializers.CharField(read_only=True, help_text="unproved, active, leaving or retired.")
    created_at = MomentField(read_only=True)
    proved_at = MomentField(read_only=True, allow_null=True)
    leaves_at = MomentField(read_only=True, allow_null=True)


class ServerSerializer(ServerConfigurationSerializer):
    id = IdField(kind=IdKind.MCP_SERVER, read_only=True)
    status = serializers.ChoiceField(choices=ServerStatus.choices, read_only=True)
    status_reason = serializers.CharField(read_only=True)
    verification = serializers.ChoiceField(choices=VerificationStatus.choices, read_only=True)
    trust_score = serializers.IntegerField(
        source="shown_trust",
        read_only=True,
        allow_null=True,
        help_text="Percent, given by a good run; null unless the server is active and verified.",
    )
    last_verified_at = MomentField(read_only=True, allow_null=True)
    next_verification_at = MomentField(read_only=True, allow_null=True)
    consecutive_failures = serializers.IntegerField(read_only=True)
    config_version = serializers.IntegerField(read_only=True)
    owner = PersonSerializer(read_only=True, allow_null=True)
    keys = ServerKeySerializer(many=True, read_only=True)
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {name: fields[name] for name in sorted(fields, key=lambda name: name != "id")}


class NoticeSerializer(StrictSerializer):
    level = serializers.CharField(read_only=True, help_text="warning or info.")
    field = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


class RegisteredServerSerializer(ServerSerializer):
    notices = NoticeSerializer(many=True, read_only=True)


class ToolSerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_TOOL, read_only=True)
    name = serializers.CharField(read_only=True)
    definition = serializers.DictField(read_only=True, help_text="As it was approved: hostile text, never markup.")
    offered = serializers.DictField(
        read_only=True, allow_null=True, help_text="What the server offers now, where it differs."
    )
    risk = serializers.CharField(read_only=True)
    enabled = TruthField(required=False)
    permission = serializers.ChoiceField(choices=Tool.Permission.choices, required=False)
    held_reason = serializers.CharField(read_only=True)
    present = serializers.BooleanField(read_only=True)
    first_seen_at = MomentField(read_only=True)
    last_seen_at = MomentField(read_only=True)


class OfferingSerializer(StrictSerializer):
    id = IdField(kind=IdKind.MCP_OFFERING, read_only=True)
    kind = serializers.ChoiceField(choices=Offering.Kind.choices, read_only=True)
    name = serializers.CharField(read_only=True, help_text="A resource's URI, a prompt's name. Hostile text.")
    definition = serializers.DictField(read_only=True, help_text="As it is pinned. Hostile text.")
    offered = serializers.DictField(
        read_only=True, allow_null=True, help_text="What the server offers now, where that differs."
    )
    drift = serializers.ListField(child=serializers.CharField(), read_only=True, help_text=f"Of {', '.join(Kind)}.")
    severity = serializers.CharField(read_only=True, help_text="critical, high, medium, low, or empty.")
    present = serializers.BooleanField(read_only=True)
    first_seen_at = MomentField(read_only=True)
    last_seen_at = MomentField(read_only=True)


class ToolChangeSerializer(StrictSerializer):
    tool = ToolSerializer(read_only=True)
    kinds = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text=f"Of {', '.join(Kind)}.",
    )
    severity = serializers.CharField(read_only=True, help_text="critical, high, medium or low.")
    before = serializers.DictField(read_only=True, allow_null=True, help_text="Null for a new tool.")
    after = serializers.DictField(read_only=True, allow_null=True)
    response = serializers.ChoiceField(choices=DriftResponse.choices, read_only=True)
    found_at = MomentField(read_only=True)
    resolution = serializers.CharField(read_only=True, help_text="approved, rejected, gone, or empty.")
    resolved_by = PersonSerializer(read_only=True, allow_null=True)
    resolved_at = MomentField(read_only=True, allow_null=True)
