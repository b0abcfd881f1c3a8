"""The API of trying policies: their own tests, recorded traffic, and how often they applied."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from verification.api import policy_serializers as shapes
from verification.api.policy_view import OnePolicyView, valid
from verification.models import PolicyVersion
from verification.policies.replay import Replay
from verification.policy_selectors import (
    dry_run_of,
    test_version,
    version_of,
)
from verification.statistics.policy_matches import count_matches


@extend_schema(tags=["Policies"])
class TestView(OnePolicyView):
    __test__ = False
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="Run the tests inside a version",
        operation_id="policy_test",
        request=shapes.NumberSerializer,
        responses=shapes.TestResultSerializer(many=True),
    )
    def post(self, request: Request, policy_id: str) -> Response:
        policy = self.policy(policy_id)
        values = valid(shapes.NumberSerializer(data=request.data))
        version = version_of(policy, self.number(policy, values))
        return Response(shapes.TestResultSerializer(test_version(self.actor, version), many=True).data)


@extend_schema(tags=["Policies"])
class DryRunView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="What would it have changed?",
        operation_id="policy_dry_run",
        request=shapes.DryRunRequestSerializer,
        responses=shapes.DryRunSerializer,
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """Judges recorded requests again, by today's active policies with and without the version.

        Agents count as they are configured today; trust, address and time as they were. At most 100,000 decisions or
        fifteen seconds, newest first: `complete` and `covered_since` say how far it came.
        """
        policy = self.policy(policy_id)
        values = valid(shapes.DryRunRequestSerializer(data=request.data))
        version = None if values.get("retire") else version_of(policy, self.number(policy, values))
        result = dry_run_of(policy, version, since=values["since"], until=values["until"])
        return Response(shapes.DryRunSerializer(_dry_run(result, version)).data)


def _dry_run(result: Replay, version: PolicyVersion | None) -> dict[str, Any]:
    return {
        "version": version.number if version else None,
        "examined": result.examined,
        **{change: result.changes[change] for change in ("newly_denied", "newly_pending", "newly_allowed")},
        "unchanged": result.unchanged,
        "unaffected": result.unaffected,
        "later_checks_unknown": result.later_checks_unknown,
        "not_replayable": dict(result.not_replayable),
        "groups": sorted(result.groups.values(), key=lambda group: -group.count),
        "groups_left_off": result.groups_left_off,
        "complete": result.complete,
        "covered_since": result.covered_since,
        "seconds": round(result.seconds, 3),
    }


@extend_schema(tags=["Policies"])
class MatchesView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(
        summary="How often did it apply?",
        operation_id="policy_matches",
        parameters=[shapes.PeriodSerializer],
        responses=shapes.MatchesSerializer,
    )
    def get(self, request: Request, policy_id: str) -> Response:
        """By version and effect, live and as a shadow. `since` and `until` are taken to whole hours; beyond 120 days
        to whole days. Counted some seconds after each decision.
        """
        policy = self.policy(policy_id)
        values = valid(shapes.PeriodSerializer(data=request.query_params))
        found = count_matches(policy.organization_id, policy.id, since=values["since"], until=values["until"])
        counts = [
            {"version": version, "shadow": shadow, "effect": effect, "count": count}
            for (version, shadow, effect), count in sorted(found.counts.items())
        ]
        agents = [{"agent_id": agent, "count": count} for agent, count in found.agents.most_common(20)]
        body = {
            "examined": found.examined,
            "counts": counts,
            "agents": agents,
            "samples": found.samples,
            "since": found.since,
            "until": found.until,
        }
        return Response(shapes.MatchesSerializer(body).data)
