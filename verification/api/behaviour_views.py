"""The API of what is usual for an agent."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from agents.api.views import OneAgentView
from aim.api.serializers import MomentField
from verification.behaviour.description import describe
from verification.selectors import behaviour_of


class UsualActionSerializer(serializers.Serializer[Any]):
    action = serializers.CharField()
    share = serializers.FloatField(help_text="Of all that the agent does, 0 to 1.")
    usual_bytes = serializers.IntegerField()


class BehaviourSerializer(serializers.Serializer[Any]):
    """What is usual for an agent. Resources and destinations are kept as fingerprints and counted only."""

    confidence = serializers.FloatField(help_text="0: nothing can be unusual yet. 1: everything counts in full.")
    actions_seen = serializers.IntegerField(help_text="Approved since the agent was made or changed, up to the needed.")
    actions_needed = serializers.IntegerField()
    days_seen = serializers.IntegerField()
    actions = UsualActionSerializer(many=True)
    hours = serializers.ListField(
        child=serializers.FloatField(), help_text="168 shares, from Monday midnight in the organization's zone."
    )
    actions_per_minute = serializers.FloatField(help_text="In minutes in which it does anything.")
    destinations = serializers.IntegerField()
    resources = serializers.IntegerField(help_text="Ways to resources that are known.")
    updated_at = MomentField(allow_null=True)


@extend_schema(tags=["Trust"])
class BehaviourView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}

    @extend_schema(summary="What is usual for an agent", operation_id="behaviour", responses=BehaviourSerializer)
    def get(self, _request: Request, agent_id: str) -> Response:
        """Learned from what was approved. How unlike a request was stands in its decision, check `anomaly`."""
        return Response(BehaviourSerializer(describe(behaviour_of(self.agent(agent_id)))).data)
