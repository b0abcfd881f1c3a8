"""The shapes of decisions over HTTP."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aim import clock
from aim.api.serializers import IdField, StrictSerializer, TextField, WholeNumberField
from aim.canonical import LARGEST_INTEGER
from aim.ids import IdKind
from verification.approvals.models import Approval
from verification.models import Completion, Containment, Verification
from verification.requests import LONGEST_NAME, LONGEST_RESOURCE, MOST_FIELDS


@extend_schema_field({"type": "object", "additionalProperties": True})
class FreeObjectField(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """A JSON object whose members are the caller's own."""

    default_error_messages = {"invalid": "Must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


class ActionDataSerializer(StrictSerializer):
    """What the action will move, as far as the agent knows."""

    records = WholeNumberField(min_value=0, max_value=LARGEST_INTEGER, required=False)
    bytes = WholeNumberField(min_value=0, max_value=LARGEST_INTEGER, required=False)
    fields = serializers.ListField(  # type: ignore[assignment]  # DRF has an attribute of that name
        child=TextField(min_length=1, max_length=LONGEST_NAME), max_length=MOST_FIELDS, required=False
    )
    destination = TextField(max_length=LONGEST_RESOURCE, required=False, allow_null=True)


class CheckSerializer(serializers.Serializer[Any]):
    """One line of the record: what was checked, what came of it, and how long it took in microseconds."""

    name = serializers.CharField()
    result = serializers.ChoiceField(choices=["passed", "failed", "needs_approval", "errored", "not_run"])
    code = serializers.CharField()
    detail = serializers.CharField()
    us = serializers.FloatField()


class DecisionSerializer(serializers.Serializer[Any]):
    """The answer to an agent."""

    approved = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Verification.Status.choices)
    verification_id = serializers.CharField()
    reason = serializers.CharField(required=False)
    code = serializers.CharField(required=False)
    retryable = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False)


class ReportSerializer(StrictSerializer):
    """What came of an approved action."""

    status = serializers.ChoiceField(choices=Completion.Status.choices)
    duration_ms = WholeNumberField(min_value=0, max_value=2**31 - 1)
    bytes = WholeNumberField(min_value=0, max_value=LARGEST_INTEGER, required=False, allow_null=True)
    records = WholeNumberField(min_value=0, max_value=LARGEST_INTEGER, required=False, allow_null=True)
    error = TextField(max_length=2000, required=False, allow_blank=True)
    request_digest = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)


class WithdrawSerializer(StrictSerializer):
    """Why it is taken back, if there is anything to say."""

    note = TextField(max_length=2000, required=False, allow_blank=True)


class CompletionSerializer(serializers.Serializer[Any]):
    """An accepted report."""

    verification_id = IdField(kind=IdKind.VERIFICATION)
    status = serializers.ChoiceField(choices=Completion.Status.choices)
    duration_ms = serializers.IntegerField()
    bytes = serializers.IntegerField(allow_null=True)
    records = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    completed_at = serializers.DateTimeField()


class VerificationSerializer(serializers.Serializer[Any]):
    """A decision as it is listed."""

    id = IdField(kind=IdKind.VERIFICATION)
    agent_id = IdField(kind=IdKind.AGENT)
    status = serializers.ChoiceField(choices=Verification.Status.choices)
    code = serializers.CharField()
    reason = serializers.CharField()
    action_type = serializers.CharField()
    resource = serializers.CharField()
    user_id = serializers.CharField()
    session_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    duration_us = serializers.IntegerField()
    completion = serializers.SerializerMethodField()

    @extend_schema_field(CompletionSerializer(allow_null=True))
    def get_completion(self, verification: Verification) -> dict[str, Any] | None:
        completion = self.context["completions"].get(verification.id)
        return dict(CompletionSerializer(completion).data) if completion else None


class ControlSerializer(serializers.Serializer[Any]):
    """A control of a framework, as the framework numbers it."""

    framework = serializers.CharField()
    control = serializers.CharField()
    title = serializers.CharField()


class TagGroupSerializer(serializers.Serializer[Any]):
    """The controls that one fact of the record is evidence for."""

    name = serializers.CharField()
    because = serializers.CharField()
    tags = ControlSerializer(many=True)


class VerificationDetailSerializer(VerificationSerializer):
    """A decision with everything that explains it: the record as it was written, with every check."""

    checks = serializers.SerializerMethodField()
    checks_passed = serializers.SerializerMethodField()
    request_digest = serializers.SerializerMethodField()
    correlation_id = serializers.SerializerMethodField()
    agent = serializers.SerializerMethodField()
    action = serializers.SerializerMethodField()
    context_claims = serializers.SerializerMethodField()
    data_claims = serializers.SerializerMethodField()
    origin = serializers.SerializerMethodField()
    erased = serializers.SerializerMethodField()
    data_classes = serializers.SerializerMethodField()
    compliance_tags = serializers.SerializerMethodField()

    def _recorded(self) -> dict[str, Any]:
        data: dict[str, Any] = self.context["record"]["data"]
        return data

    @extend_schema_field(CheckSerializer(many=True))
    def get_checks(self, _verification: Verification) -> list[dict[str, Any]]:
        return shown_checks(self._recorded())

    def get_checks_passed(self, _verification: Verification) -> list[str]:
        return [line["name"] for line in self._recorded()["checks"] if line["result"] == "passed"]

    def get_request_digest(self, verification: Verification) -> str:
        return bytes(verification.request_digest).hex()

    def get_correlation_id(self, _verification: Verification) -> str:
        return self._recorded()["correlation_id"] or ""

    def get_agent(self, _verification: Verification) -> dict[str, Any]:
        """The agent as it was: version, configuration version, trust."""
        agent: dict[str, Any] = self._recorded()["agent"]
        return agent | {"name": self.context["record"]["actor"]["label"]}

    def get_action(self, _verification: Verification) -> dict[str, Any]:
        action: dict[str, Any] = self._recorded()["action"]
        return action

    def get_context_claims(self, _verification: Verification) -> dict[str, Any]:
        context: dict[str, Any] = self._recorded()["context"] or {}
        return context

    def get_data_claims(self, _verification: Verification) -> dict[str, Any]:
        claims: dict[str, Any] = self._recorded()["claims"] or {}
        return claims

    def get_origin(self, _verification: Verification) -> dict[str, Any]:
        """Where the request came from: address, credential by its public prefix, key it was signed with."""
        actor = self.context["record"]["actor"]
        return {"address": actor["address"], "credential": actor["credential"], "keyid": self._recorded()["keyid"]}

    def get_erased(self, _verification: Verification) -> list[str]:
        """The members of the record that were erased, such as `data.action.resource`; its proof holds without them."""
        record = self.context["record"]
        return [*record["erased"], *record["altered"]]

    def get_data_classes(self, _verification: Verification) -> list[str]:
        """The names of the classes of data that it was about, noted within seconds of the decision."""
        names: list[str] = self.context["detail"].data_classes
        return names

    @extend_schema_field(TagGroupSerializer(many=True))
    def get_compliance_tags(self, _verification: Verification) -> list[dict[str, Any]]:
        """What the decision is evidence for, and by which fact. Not that a control is met: one decision cannot say."""
        return [dict(TagGroupSerializer(group).data) for group in self.context["detail"].tags]


class ContainmentSerializer(serializers.Serializer[Any]):
    """Something that is shut off for every agent of the organization."""

    id = IdField(kind=IdKind.CONTAINMENT)
    kind = serializers.ChoiceField(choices=Containment.Kind.choices)
    pattern = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    lifted_at = serializers.DateTimeField(allow_null=True)


class ContainmentRequestSerializer(StrictSerializer):
    """What to shut off, and why."""

    kind = serializers.ChoiceField(choices=Containment.Kind.choices)
    pattern = TextField(max_length=2048)
    reason = TextField(max_length=2000)


class LiftSerializer(StrictSerializer):
    """Why it may be opened again."""

    reason = TextField(max_length=2000)


def shown_checks(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks of a recorded decision, with their details where these are not erased."""
    lines = data["checks"]
    # Entries of the first version hold the detail in the line; later ones apart, where it can be erased.
    details = data.get("details") or [line.get("detail", "") for line in lines]
    return [
        {
            "name": line["name"],
            "result": line["result"],
            "code": line.get("code", ""),
            "detail": detail,
            "us": line.get("ns", 0) / 1000,
        }
        for line, detail in zip(lines, details, strict=True)
    ]


def shown_state(
    verification: Verification, completion: Completion | None, *, approval: Approval | None, now: datetime
) -> dict[str, Any]:
    """A decision as its own agent may see it: a pending one that nobody has decided in time is denied, and so is one
    that was approved by somebody and not used in time.
    """
    expired = verification.expires_at is not None and verification.expires_at < now
    status, code, reason = verification.status, verification.code, verification.reason
    unused = status == Verification.Status.APPROVED and approval is not None and completion is None
    if expired and (status == Verification.Status.PENDING or unused):
        status, code, reason = Verification.Status.DENIED.value, "approval_expired", "Approval expired"
    state: dict[str, Any] = {
        "approved": status == Verification.Status.APPROVED,
        "status": status,
        "verification_id": verification.public_id,
    }
    if status != Verification.Status.APPROVED:
        state |= {"reason": reason, "code": code, "retryable": False}
    if verification.expires_at is not None and status != Verification.Status.DENIED:
        state["expires_at"] = clock.show_time(verification.expires_at)
    if completion is not None:
        state["completion"] = CompletionSerializer(completion).data
    return state
