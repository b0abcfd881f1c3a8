"""What the published description of the API adds to what DRF knows: every refusal has one shape."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from aim.api.problems import CONTENT_TYPE


class FieldProblemSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A path such as `limits.calls_per_hour`.")
    code = serializers.CharField(help_text="Stable.")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `type` ends in a stable code: `urn:aim:problem:<code>`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="One sentence, naming every problem.")
    errors = FieldProblemSerializer(  # type: ignore[assignment]
        many=True, required=False, help_text="Every problem of the input."
    )
    request_id = serializers.CharField(required=False, help_text="The operator finds the request in the log by it.")


class ProblemAutoSchema(AutoSchema):
    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies.setdefault(
            "default",
            {
                **self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ProblemSerializer, "default", media_types=[CONTENT_TYPE], direction=direction
                ),
                "description": "Refused or failed; see `type`, `detail` and `errors`.",
            },
        )
        return bodies
