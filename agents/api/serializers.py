"""The JSON of agents, in the shape of the wire contract: `access_scope` and `limits` are objects of their own."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from agents.api.fields import choice, number, text, texts
from agents.configuration import MAX_DESCRIPTION
from agents.models import AgentStatus, Challenge
from agents.services.remote_proof import proof_state
from aim.api.serializers import IdField, MomentField, StepSerializer, StrictSerializer, TextField, TruthField
from aim.ids import IdKind, show_id
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from aim.outbound.entering import MAX_URL

MAX_PEM = 20_000
_KEY_TYPES = "ed25519, rsa, rsa-2048, rsa-4096 or ecdsa-p256. When given, the key must be of this type."
_RULES = "Each is an action type, a capability or `*`, alone or with `:` and a resource pattern, as `*:/etc/**`."


class AccessScopeSerializer(StrictSerializer):
    kind = choice("access_scope_kind", source="access_scope_kind", required=False)
    ids = texts(
        "access_scope_ids",
        source="access_scope_ids",
        help_text="`tea_…` for teams; for users the ids that `context.user_id` carries.",
    )


class LimitsSerializer(StrictSerializer):
    calls_per_hour = number("calls_per_hour", help_text="Default 1000.")
    bytes_per_day = number("bytes_per_day", help_text="Default 10 GB.")


class ConfigurationSerializer(StrictSerializer):
    """What may be changed of an agent. The valid values stand under the names of `agents.configuration`."""

    name = text("name", help_text="Unique in the organization, upper and lower case alike.")
    display_name = text("display_name")
    agent_type = choice("agent_type")
    version = text("version")
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION)
    capabilities = texts("capabilities", help_text="Codes of `GET /api/v1/capabilities`.")
    resource_scope = texts("resource_scope", help_text="Patterns such as `/app/**`. Empty: nothing is in scope.")
    access_scope = AccessScopeSerializer(source="*", required=False)
    limits = LimitsSerializer(source="*", required=False)
    allowed_ip_ranges = texts("allowed_ip_ranges", help_text="Networks in CIDR form. Empty: from anywhere.")
    require_approval = texts("require_approval", help_text=f"What a person must approve. {_RULES}")
    auto_deny = texts("auto_deny", help_text=f"What is denied whatever else would allow it. {_RULES}")
    tags = texts("tags", help_text="Words that policies may go by, such as `production`.")
    require_signature = TruthField(required=False, help_text="Requests must be signed (RFC 9421). Needs a public key.")
    min_trust = number("min_trust", help_text="Below this score nothing is approved. Default 70.")
    auto_suspend_below = number("auto_suspend_below", help_text="At most `min_trust`. Default 50.")


class PublicKeyTextSerializer(StrictSerializer):
    public_key = TextField(max_length=MAX_PEM, help_text="One public key in PEM form (SubjectPublicKeyInfo).")
    public_key_type = TextField(required=False, max_length=20, help_text=_KEY_TYPES)


class RegistrationSerializer(ConfigurationSerializer):
    public_key = TextField(
        required=False, allow_null=True, max_length=MAX_PEM, help_text="One public key in PEM form. May come later."
    )
    public_key_type = TextField(required=False, max_length=20, help_text=_KEY_TYPES)


class PublicKeySerializer(StrictSerializer):
    id = IdField(kind=IdKind.PUBLIC_KEY, read_only=True)
    type = serializers.CharField(source="key_type", read_only=True)
    bits = serializers.IntegerField(read_only=True)
    fingerprint = serializers.CharField(read_only=True, help_text="SHA-256 of the DER, in colon hex.")
    thumbprint = serializers.CharField(read_only=True, help_text="RFC 7638; the `keyid` of signed requests.")
    status = serializers.CharField(
        read_only=True, help_text="unproved, proved (a second admin must agree), active, retired."
    )
    created_at = MomentField(read_only=True)


class ApiKeySerializer(StrictSerializer):
    id = IdField(kind=IdKind.API_KEY, read_only=True)
    prefix = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)
    expires_at = MomentField(required=False, allow_null=True, help_text="Null: it does not expire.")
    revoked_at = MomentField(read_only=True, allow_null=True)


class NewApiKeySerializer(ApiKeySerializer):
    api_key = serializers.CharField(read_only=True, help_text="The secret, `aim_…`. Shown this once.")


class AgentSerializer(ConfigurationSerializer):
    """An agent as everybody in the organization may see it."""

    id = IdField(kind=IdKind.AGENT, read_only=True)
    status = serializers.ChoiceField(choices=AgentStatus.choices, read_only=True)
    status_reason = serializers.CharField(read_only=True)
    trust_score = serializers.DecimalField(
        source="runtime.trust_score",
        max_digits=5,
        decimal_places=2,
        coerce_to_string=False,
        read_only=True,
        allow_null=True,
    )
    verification_method = serializers.CharField(read_only=True, help_text="challenge, attestation, or empty.")
    verified_at = MomentField(read_only=True, allow_null=True)
    verification_url = serializers.CharField(read_only=True, help_text="Where the agent signs challenges, or empty.")
    config_version = serializers.IntegerField(read_only=True)
    owner = PersonSerializer(read_only=True, allow_null=True)
    public_keys = PublicKeySerializer(many=True, read_only=True)
    api_keys = ApiKeySerializer(many=True, read_only=True)
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {name: fields[name] for name in sorted(fields, key=lambda name: name != "id")}


class WarningSerializer(StrictSerializer):
    field = serializers.CharField(read_only=True)
    code = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


class RegisteredAgentSerializer(AgentSerializer):
    api_key = serializers.CharField(read_only=True, help_text="The agent's API key, `aim_…`. Shown this once.")
    warnings = WarningSerializer(many=True, read_only=True)
    repeated = serializers.BooleanField(
        read_only=True,
        help_text="The same request had registered it before: `api_key` is empty, for it was shown then.",
    )


class ReasonSerializer(StrictSerializer):
    reason = TextField(max_length=2000, help_text="Goes on record, and into the agent's history.")


class ChallengeSerializer(StrictSerializer):
    id = IdField(kind=IdKind.CHALLENGE, read_only=True)
    statement = serializers.CharField(read_only=True, help_text="Sign exactly these UTF-8 bytes.")
    public_key_id = IdField(kind=IdKind.PUBLIC_KEY, read_only=True)
    expires_at = MomentField(read_only=True)


class FollowedChallengeSerializer(ChallengeSerializer):
    state = serializers.SerializerMethodField(help_text="`waiting`, `running`, `succeeded`, `failed` or `expired`.")
    steps = StepSerializer(many=True, read_only=True)
    error_code = serializers.CharField(read_only=True, help_text="Empty unless it has failed.")
    error = serializers.CharField(read_only=True)

    def get_state(self, challenge: Challenge) -> str:
        return proof_state(challenge)


class RemoteProofSerializer(StrictSerializer):
    verification_url = TextField(
        required=False,
        allow_blank=True,
        max_length=MAX_URL,
        help_text="Where the agent signs challenges; kept. Without it, the one that is kept is asked.",
    )


class AnswerSerializer(StrictSerializer):
    signature = TextField(max_length=2000, help_text="Standard base64, by the key that is to be proved.")
    algorithm = TextField(
        required=False, max_length=40, help_text="`rsa-pss-sha512` where it is not the key's default."
    )
    active_key_signature = TextField(
        required=False, max_length=2000, help_text="To change keys: also by the active key."
    )
    active_key_algorithm = TextField(required=False, max_length=40)


class CapabilitySerializer(StrictSerializer):
    code = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    description = serializers.CharField(read_only=True)
    risk = serializers.CharField(read_only=True, help_text="low, medium, high or critical.")
    action_types = serializers.ListField(source="actions", child=serializers.CharField(), read_only=True)


class HistorySerializer(StrictSerializer):
    """One ledger entry, as it was written."""

    id = IdField(kind=IdKind.ENTRY, read_only=True)
    kind = serializers.CharField(read_only=True)
    at = serializers.CharField(read_only=True)
    actor = serializers.DictField(read_only=True, help_text="kind, id, label, address and credential (its prefix).")
    data = serializers.DictField(  # type: ignore[assignment]
        read_only=True, help_text="For changes: `changes` with before and after by field."
    )

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        body = read_entry(instance)
        return {
            "id": show_id(IdKind.ENTRY, instance.id),
            "kind": body["kind"],
            "at": body["at"],
            "actor": body["actor"],
            "data": body["data"],
        }
