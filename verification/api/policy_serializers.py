"""The shapes of policies over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, TruthField, WholeNumberField
from aim.ids import IdKind
from verification.api.serializers import FreeObjectField
from verification.models import Policy, PolicyVersion
from verification.policies.document import EXPECTATIONS
from verification.policies.terms import EFFECTS
from verification.policies.yaml_files import LONGEST_FILE
from verification.policy_selectors import latest_version, state_of, version_in_state

_DOCUMENT = "The policy as `docs/policies.md` describes it; or give the same as `yaml`."


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "array"}, {"type": "object"}, {"type": "null"}]})  # fmt: skip # noqa: E501
class AnythingField(serializers.JSONField):
    """Any JSON value, as it is."""


def _effect(document: dict[str, Any]) -> str:
    """What cannot be understood denies."""
    effect = document.get("effect")
    return effect if effect in EFFECTS else "deny"


class DocumentRequestSerializer(StrictSerializer):
    """A policy's document, as an object or as YAML."""

    document = FreeObjectField(required=False, help_text=_DOCUMENT)
    yaml = TextField(required=False, max_length=65_536, help_text="The same as text.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("document" in attrs) == ("yaml" in attrs):
            raise serializers.ValidationError({"document": "Give either document or yaml."})
        return attrs


class VersionRequestSerializer(DocumentRequestSerializer):
    note = TextField(required=False, allow_blank=True, max_length=2000, help_text="Why; goes on record.")


class NumberSerializer(StrictSerializer):
    version = WholeNumberField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Without it the newest version."
    )


class ConfirmSerializer(StrictSerializer):
    version = WholeNumberField(min_value=1, max_value=2**31 - 1, help_text="The version that was looked at.")
    accept = TruthField(help_text="False declines the change; its proposer may do so too.")
    note = TextField(required=False, allow_blank=True, max_length=2000)


class DryRunRequestSerializer(StrictSerializer):
    since = MomentField()
    until = MomentField()
    version = WholeNumberField(min_value=1, max_value=2**31 - 1, required=False)
    retire = TruthField(required=False, help_text="What would change without the policy.")


class PeriodSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class DiffRequestSerializer(serializers.Serializer[Any]):
    before = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    after = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class FindingSerializer(serializers.Serializer[Any]):
    """What the linter says."""

    code = serializers.CharField(
        help_text="broken, over_broad, never_matches, unreachable, contradictory, no_effect, approval_impossible."
    )
    field = serializers.CharField()
    message = serializers.CharField()


class PolicyFindingSerializer(FindingSerializer):
    policy_id = serializers.CharField()
    policy = serializers.CharField()
    version = serializers.IntegerField()


class TestResultSerializer(serializers.Serializer[Any]):
    __test__ = False

    name = serializers.CharField()
    expect = serializers.ChoiceField(choices=EXPECTATIONS)
    got = serializers.ChoiceField(choices=EXPECTATIONS)
    passed = serializers.BooleanField()
    detail = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    """One difference between two versions."""

    path = serializers.CharField()
    before = AnythingField(allow_null=True)
    after = AnythingField(allow_null=True)


class CheckedDocumentSerializer(serializers.Serializer[Any]):
    """A document that may be saved: in every form, with what there is to say of it."""

    document = FreeObjectField()
    yaml = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField())
    findings = FindingSerializer(many=True)
    tests = TestResultSerializer(many=True)


class VersionSerializer(serializers.Serializer[Any]):
    """One version of a policy. It never changes, but for its state."""

    id = IdField(kind=IdKind.POLICY_VERSION)
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=PolicyVersion.State.choices)
    effect = serializers.SerializerMethodField()
    note = serializers.CharField()
    author = serializers.CharField(source="author_label")
    created_at = MomentField()
    state_changed_at = MomentField()

    @extend_schema_field(serializers.ChoiceField(choices=EFFECTS))
    def get_effect(self, version: PolicyVersion | dict[str, Any]) -> str:
        document = version["document"] if isinstance(version, dict) else version.document
        return _effect(document)


class VersionDetailSerializer(VersionSerializer):
    document = FreeObjectField()
    yaml = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField())
    findings = FindingSerializer(many=True)
    tests = TestResultSerializer(many=True)
    changes = ChangeSerializer(many=True)


class ProposalSerializer(serializers.Serializer[Any]):
    """What waits for a second person."""

    change = serializers.ChoiceField(choices=Policy.Change.choices)
    version = serializers.IntegerField()
    proposed_by = PersonSerializer(allow_null=True)
    proposed_at = MomentField()


class PolicySerializer(serializers.Serializer[Any]):
    id = IdField(kind=IdKind.POLICY)
    name = serializers.CharField()
    state = serializers.SerializerMethodField()
    effect = serializers.SerializerMethodField()
    description = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    latest_version = serializers.SerializerMethodField()
    active_version = serializers.SerializerMethodField()
    shadow_version = serializers.SerializerMethodField()
    proposal = serializers.SerializerMethodField()
    created_at = MomentField()

    @extend_schema_field(serializers.ChoiceField(choices=PolicyVersion.State.choices))
    def get_state(self, policy: Policy) -> str:
        """Active before shadow, draft and retired."""
        return state_of(policy)

    @extend_schema_field(serializers.ChoiceField(choices=EFFECTS))
    def get_effect(self, policy: Policy) -> str:
        """Of the active version, or of the newest."""
        return _effect(self._shown(policy))

    def get_description(self, policy: Policy) -> str:
        return str(self._shown(policy).get("description", ""))

    def get_tags(self, policy: Policy) -> list[str]:
        tags: list[str] = self._shown(policy).get("tags", [])
        return tags

    def get_latest_version(self, policy: Policy) -> int:
        return latest_version(policy).number

    def get_active_version(self, policy: Policy) -> int | None:
        version = version_in_state(policy, PolicyVersion.State.ACTIVE)
        return version.number if version else None

    def get_shadow_version(self, policy: Policy) -> int | None:
        version = version_in_state(policy, PolicyVersion.State.SHADOW)
        return version.number if version else None

    @extend_schema_field(ProposalSerializer(allow_null=True))
    def get_proposal(self, policy: Policy) -> dict[str, Any] | None:
        if not policy.proposed_change:
            return None
        return dict(
            ProposalSerializer(
                {
                    "change": policy.proposed_change,
                    "version": policy.proposed_version,
                    "proposed_by": policy.proposed_by,
                    "proposed_at": policy.proposed_at,
                }
            ).data
        )

    def _shown(self, policy: Policy) -> dict[str, Any]:
        version = version_in_state(policy, PolicyVersion.State.ACTIVE) or latest_version(policy)
        document: dict[str, Any] = version.document
        return document


class SavedPolicySerializer(PolicySerializer):
    findings = FindingSerializer(many=True)


class GroupSerializer(serializers.Serializer[Any]):
    """Requests that would be decided otherwise, of one agent, action and reason."""

    change = serializers.ChoiceField(choices=["newly_denied", "newly_pending", "newly_allowed"])
    agent_id = serializers.CharField()
    agent = serializers.CharField()
    action_type = serializers.CharField()
    reason = serializers.CharField()
    count = serializers.IntegerField()
    samples = serializers.ListField(child=serializers.CharField())


class DryRunSerializer(serializers.Serializer[Any]):
    """What recorded requests would have become, and what could not be replayed."""

    version = serializers.IntegerField(allow_null=True, help_text="Null: as if the policy were retired.")
    examined = serializers.IntegerField()
    newly_denied = serializers.IntegerField()
    newly_pending = serializers.IntegerField()
    newly_allowed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    unaffected = serializers.IntegerField(help_text="Refused before any policy was asked.")
    later_checks_unknown = serializers.IntegerField(
        help_text="Of those decided otherwise: a policy had refused them, so that no later check was run."
    )
    not_replayable = serializers.DictField(child=serializers.IntegerField(), help_text="By cause.")
    groups = GroupSerializer(many=True)
    groups_left_off = serializers.IntegerField(help_text="Requests in groups beyond those that are listed.")
    complete = serializers.BooleanField(help_text="False: the bounds ended it; `covered_since` says how far it came.")
    covered_since = MomentField(allow_null=True)
    seconds = serializers.FloatField()


class MatchCountSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    shadow = serializers.BooleanField()
    effect = serializers.CharField(help_text="deny, require_approval, auto_approve or allow.")
    count = serializers.IntegerField()


class AgentCountSerializer(serializers.Serializer[Any]):
    agent_id = serializers.CharField()
    count = serializers.IntegerField()


class MatchesSerializer(serializers.Serializer[Any]):
    """How often a policy applied, live and as a shadow."""

    examined = serializers.IntegerField()
    counts = MatchCountSerializer(many=True)
    agents = AgentCountSerializer(many=True)
    samples = serializers.ListField(child=serializers.CharField(), help_text="The newest of these decisions.")
    since = MomentField()
    until = MomentField()


class YamlSerializer(serializers.Serializer[Any]):
    yaml = serializers.CharField()


class ImportSerializer(StrictSerializer):
    yaml = TextField(max_length=LONGEST_FILE)
    note = TextField(required=False, allow_blank=True, max_length=2000)
    dry_run = TruthField(required=False)


class ImportedSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["policy", "data_class"])
    name = serializers.CharField()
    result = serializers.ChoiceField(choices=["created", "changed", "unchanged"])
    version = serializers.IntegerField()


class ImportResultSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    results = ImportedSerializer(many=True)


class DataClassSerializer(StrictSerializer):
    id = IdField(kind=IdKind.DATA_CLASS, read_only=True)
    name = TextField(max_length=50, help_text="Lower case; stays as it is, for policies go by it.")
    patterns = serializers.ListField(child=TextField(max_length=512), max_length=200)
    description = TextField(required=False, allow_blank=True, max_length=4000)
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)


class DataClassChangeSerializer(StrictSerializer):
    patterns = serializers.ListField(child=TextField(max_length=512), max_length=200, required=False)
    description = TextField(required=False, allow_blank=True, max_length=4000)
