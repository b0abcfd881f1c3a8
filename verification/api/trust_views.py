"""The API of what makes an agent's trust."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from agents.api.trust_views import TrustEventSerializer, points
from agents.api.views import OneAgentView
from aim.api.serializers import MomentField
from verification.trust.breakdown import trust_breakdown


class FactorShareSerializer(serializers.Serializer[Any]):
    """Something that costs trust, and what it has cost this agent within the last 30 days."""

    code = serializers.CharField(source="factor.code")
    title = serializers.CharField(source="factor.title")
    kind = serializers.ChoiceField(
        source="factor.kind",
        choices=["ordinary", "threat", "unproven"],
        help_text="ordinary: mistakes, one in ten approved actions is free. threat: always in full. "
        "unproven: nobody has proved that it was the agent; little, and never below its minimum.",
    )
    cost = serializers.FloatField(source="factor.cost")
    times = serializers.IntegerField()
    points = points()


class TrustSerializer(serializers.Serializer[Any]):
    """A score and everything that explains it."""

    score = points(allow_null=True)
    min_trust = serializers.IntegerField(source="agent.min_trust")
    auto_suspend_below = serializers.IntegerField(source="agent.auto_suspend_below")
    frozen_at = MomentField(allow_null=True)
    frozen_because = serializers.CharField()
    factors = FactorShareSerializer(many=True)
    restored = points(help_text="Brought back by approved actions within the last 30 days.")
    saved = serializers.FloatField(help_text="So many ordinary mistakes would cost nothing now.")
    restores = serializers.CharField(help_text="What would bring the score back.")
    events = TrustEventSerializer(many=True, help_text="The newest; all of them: `/trust/events`.")


@extend_schema(tags=["Trust"])
class TrustView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}

    @extend_schema(summary="An agent's trust, explained", operation_id="trust", responses=TrustSerializer)
    def get(self, _request: Request, agent_id: str) -> Response:
        """The score, each factor with what it has cost, the newest events, and what would restore the score."""
        return Response(TrustSerializer(trust_breakdown(self.agent(agent_id))).data)
