"""What the views of policies share."""

from collections.abc import Mapping
from typing import Any

from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from aim.api.path_ids import path_id
from aim.errors import InvalidInputError, Problem
from aim.ids import IdKind
from verification.api import policy_serializers as shapes
from verification.models import Policy
from verification.policies.yaml_files import load_yaml
from verification.policy_selectors import (
    latest_version,
    policy_by_id,
    version_of,
)


def document_in(values: Mapping[str, Any]) -> Any:
    return load_yaml(values["yaml"]) if "yaml" in values else values["document"]


def valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    if "since" in values and values["since"] >= values["until"]:
        raise InvalidInputError((Problem("until", "invalid", "Must be later than since."),))
    return values


class OnePolicyView(ActorView):
    def policy(self, policy_id: str) -> Policy:
        return policy_by_id(self.actor, path_id(IdKind.POLICY, policy_id))

    def number(self, policy: Policy, values: Mapping[str, Any]) -> int:
        number: int = values.get("version") or latest_version(policy).number
        version_of(policy, number)
        return number

    def shown(self, policy: Policy, status: int = 200) -> Response:
        return Response(shapes.PolicySerializer(policy_by_id(self.actor, policy.id)).data, status=status)
