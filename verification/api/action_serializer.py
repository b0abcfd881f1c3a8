"""What may be asked: used to name every problem of a request, and to describe it in the OpenAPI file."""

from typing import Any

from rest_framework import serializers

from aim.api.serializers import IdField, StrictSerializer, TextField
from aim.errors import InvalidInputError
from aim.ids import IdKind
from verification.api.serializers import ActionDataSerializer, FreeObjectField
from verification.requests import LONGEST_ACTION, LONGEST_NAME, LONGEST_RESOURCE, context_names


class ActionSerializer(StrictSerializer):
    """An action an agent asks leave for."""

    agent_id = IdField(kind=IdKind.AGENT)
    action_type = TextField(max_length=LONGEST_ACTION)
    resource = TextField(max_length=LONGEST_RESOURCE)
    context = FreeObjectField(  # type: ignore[assignment]  # DRF has an attribute of that name
        required=False, help_text="`user_id`, `session_id`, `timestamp` (ISO 8601), and whatever else explains the act."
    )
    parameters = FreeObjectField(required=False, help_text="The arguments of the action; bound into an approval.")
    data = ActionDataSerializer(required=False)  # type: ignore[assignment]  # DRF has an attribute of that name
    mcp_server = TextField(max_length=LONGEST_NAME, required=False, allow_null=True)
    tool = TextField(max_length=LONGEST_NAME, required=False, allow_null=True)

    def validate_context(self, value: dict[str, Any]) -> dict[str, Any]:
        try:
            context_names(value)
        except InvalidInputError as error:
            raise serializers.ValidationError(
                {problem.field.removeprefix("context."): [problem.message] for problem in error.problems}
            ) from None
        return value
