"""The API of statistics: what was decided in a span of time, added up."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.serializers import IdField, MomentField, StrictSerializer
from aim.ids import IdKind, show_id
from verification.models import Rollup
from verification.statistics.selectors import (
    SPANS,
    Group,
    Line,
    Span,
    Totals,
    groups,
    reasons,
    series,
    span_of,
    totals,
)

GROUPS = {"agent": Group.AGENT, "action_type": Group.ACTION_TYPE, "status": Group.STATUS, "code": Group.CODE}


class StatisticsQuerySerializer(StrictSerializer):
    range = serializers.ChoiceField(choices=list(SPANS), default="24h")
    granularity = serializers.ChoiceField(choices=Rollup.Granularity.choices, required=False)
    group = serializers.ChoiceField(choices=list(GROUPS), required=False)
    agent = IdField(kind=IdKind.AGENT, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        granularity = attrs.get("granularity")
        span = span_of(attrs["range"], None if granularity is None else Rollup.Granularity(granularity))
        if span is None:
            raise serializers.ValidationError({"granularity": f"Not for a range of {attrs['range']}."})
        return {**attrs, "span": span}


class TotalsSerializer(serializers.Serializer[Totals]):
    """Decisions by outcome, and how long they took from arrival to record; `approval_rate` is in percent."""

    count = serializers.IntegerField()
    approved = serializers.IntegerField()
    pending = serializers.IntegerField()
    denied = serializers.IntegerField()
    approval_rate = serializers.FloatField(allow_null=True)
    mean_us = serializers.IntegerField(allow_null=True)
    p50_us = serializers.SerializerMethodField()
    p95_us = serializers.SerializerMethodField()
    p99_us = serializers.SerializerMethodField()

    def get_p50_us(self, these: Totals) -> int | None:
        return these.within(0.5)

    def get_p95_us(self, these: Totals) -> int | None:
        return these.within(0.95)

    def get_p99_us(self, these: Totals) -> int | None:
        return these.within(0.99)


class PointSerializer(serializers.Serializer[Any]):
    at = MomentField(help_text="The start of the period.")
    approved = serializers.IntegerField()
    pending = serializers.IntegerField()
    denied = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    count = serializers.IntegerField()


class LineSerializer(TotalsSerializer):
    key = serializers.CharField(help_text="An id, a type, a status or a code, by what `group` asks for.")


class StatisticsSerializer(serializers.Serializer[Any]):
    """Whole periods in UTC, up to the end of the one that runs now."""

    since = MomentField()
    until = MomentField()
    granularity = serializers.ChoiceField(choices=Rollup.Granularity.choices)
    totals = TotalsSerializer()
    previous = TotalsSerializer(help_text="Those of the span of the same length before it.")
    series = PointSerializer(many=True)
    reasons = ReasonSerializer(many=True, help_text="Why actions were not approved, the most frequent first.")
    groups = LineSerializer(many=True, required=False, help_text="Only with `group`; the busiest first, at most 50.")


@extend_schema(tags=["Verifications"])
class StatisticsView(ActorView):
    permissions: ClassVar = {"GET": Permission.VERIFICATIONS_READ}

    @extend_schema(
        summary="Decisions, added up",
        operation_id="statistics",
        parameters=[
            OpenApiParameter("range", enum=list(SPANS), description="Default 24h."),
            OpenApiParameter(
                "granularity",
                enum=Rollup.Granularity.values,
                description="Of the series; by default what fits the range.",
            ),
            OpenApiParameter("group", enum=list(GROUPS), description="Adds `groups`."),
            OpenApiParameter("agent", description="Only this agent's, by its id."),
        ],
        responses=StatisticsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read from counts that follow the record within a second or two, so that it is quick however much there is."""
        query = StatisticsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        span: Span = query.validated_data["span"]
        agent_id: UUID | None = query.validated_data.get("agent")
        shown: dict[str, Any] = {
            "since": span.since,
            "until": span.until,
            "granularity": span.granularity,
            "totals": totals(self.actor, span, agent_id=agent_id),
            "previous": totals(self.actor, span.before(), agent_id=agent_id),
            "series": series(self.actor, span, agent_id=agent_id),
            "reasons": [{"code": code, "count": count} for code, count in reasons(self.actor, span, agent_id=agent_id)],
        }
        body = dict(StatisticsSerializer(shown).data)
        if name := query.validated_data.get("group"):
            lines = groups(self.actor, span, GROUPS[name], agent_id=agent_id)
            body["groups"] = [{"key": _shown_key(line), **TotalsSerializer(line.totals).data} for line in lines]
        return Response(body)


def _shown_key(line: Line) -> str:
    return show_id(IdKind.AGENT, line.key) if isinstance(line.key, UUID) else line.key
