"""The API of trust: how the score came about, and setting it anew."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from agents.api.serializers import AgentSerializer
from agents.api.views import OneAgentView
from agents.services.trust import set_trust_baseline
from agents.trust_records import trust_history_of
from aim.api.pagination import CursorPages
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, WholeNumberField
from aim.ids import IdKind


def points(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=5, decimal_places=2, coerce_to_string=False, read_only=True, **options)


class TrustEventSerializer(StrictSerializer):
    """One signed step of the score."""

    id = IdField(kind=IdKind.TRUST_EVENT, read_only=True)
    number = serializers.IntegerField(read_only=True, help_text="Its place in the agent's chain, from 1.")
    cause = serializers.CharField(
        read_only=True, help_text="A factor's code, or verified, restored, baseline_set, restarted."
    )
    reason = serializers.CharField(read_only=True)
    delta = points()
    score = points(help_text="The score after it.")
    entry_id = IdField(kind=IdKind.ENTRY, read_only=True, help_text="The ledger entry that caused it.")
    at = MomentField(read_only=True)
    key_id = serializers.CharField(read_only=True)
    signature = serializers.SerializerMethodField(help_text="HMAC-SHA256 over the step and the signature before it.")

    def get_signature(self, event: Any) -> str:
        return bytes(event.signature).hex()


class BaselineSerializer(StrictSerializer):
    reason = TextField(max_length=2000, help_text="Goes on record, and into the agent's history.")
    score = WholeNumberField(
        min_value=0, max_value=100, required=False, help_text="Left out: the last score that the ledger knows."
    )


@extend_schema(tags=["Trust"])
class TrustEventsView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}
    pagination_class = CursorPages

    @extend_schema(
        summary="The history of an agent's trust",
        operation_id="trust_events",
        responses=TrustEventSerializer(many=True),
    )
    def get(self, request: Request, agent_id: str) -> Response:
        """Every change of the score, newest first: what, why, how much, and from which entry of the ledger."""
        pages = CursorPages()
        rows = pages.paginate_queryset(trust_history_of(self.agent(agent_id)), request, self)
        return pages.get_paginated_response(TrustEventSerializer(rows, many=True).data)


@extend_schema(tags=["Trust"])
class TrustBaselineView(OneAgentView):
    permissions: ClassVar = {"POST": Permission.AGENTS_TRUST}

    @extend_schema(
        summary="Set an agent's trust anew",
        operation_id="trust_baseline",
        request=BaselineSerializer,
        responses=AgentSerializer,
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """An admin answers for the score from here on: after manipulation, or to give the agent another chance.

        A frozen score moves again. A suspended agent stays suspended until it is resumed.
        """
        agent = self.agent(agent_id)
        serializer = BaselineSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        set_trust_baseline(self.actor, agent.id, **serializer.validated_data)
        return Response(self.shown(agent.id))
