"""Serializers that take nothing they do not know: strict about names, types and characters."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.drainage import set_override
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from aim import clock
from aim.api.strict_json import hostile_text
from aim.ids import IdKind, InvalidIdError, parse_id, show_id


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not have, fields only the server writes, and text that PostgreSQL cannot store."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        value: Any = None
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, Mapping) or not isinstance(error.detail, dict):
                raise
            errors = error.detail
        for name, problem in self._refused(data):
            errors.setdefault(name, [problem])
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def _refused(self, data: Mapping[str, Any]) -> Iterator[tuple[str, ErrorDetail]]:
        for name, value in data.items():
            field = self.fields.get(name)
            # The path of the field stands in the sentence once the error is shown: see `aim.api.problems`.
            if field is None:
                yield name, ErrorDetail(f"Unknown field: {name}", code="unknown")
            elif field.read_only:
                yield name, ErrorDetail(f"Read-only field: {name}", code="read_only")
            elif reason := _hostile(value):
                yield name, ErrorDetail(reason, code="character")


class TextField(serializers.CharField):
    """Text as it was sent: a number is no text, and spaces stay where they are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A JSON integer: not "12", not 12.0, not true."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class TruthField(serializers.BooleanField):
    """`true` or `false`, and nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=type(data).__name__)
        return data


class MomentField(serializers.DateTimeField):
    """A moment in UTC, written as all answers write it; what comes in without a zone is taken as UTC."""

    def to_representation(self, value: datetime) -> str:
        return clock.show_time(value)


class IdField(serializers.Field[UUID, str, str, Any]):
    """A typed id such as `agt_…` outside, a UUID inside."""

    default_error_messages = {"invalid": "Not an id of the form {kind}_…."}

    def __init__(self, *, kind: IdKind, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)
        set_override(self, "field", {"type": "string", "pattern": f"^{kind}_[0-9a-f]{{32}}$"})

    def to_internal_value(self, data: Any) -> UUID:
        try:
            return parse_id(self.kind, data if isinstance(data, str) else "")
        except InvalidIdError:
            self.fail("invalid", kind=self.kind.value)

    def to_representation(self, value: UUID) -> str:
        return show_id(self.kind, value)


def _hostile(value: Any) -> str | None:
    """Why some text inside the value cannot be stored, or None."""
    if isinstance(value, str):
        return hostile_text(value)
    if isinstance(value, Mapping):
        return next(filter(None, (_hostile(item) for pair in value.items() for item in pair)), None)
    if isinstance(value, list | tuple):
        return next(filter(None, map(_hostile, value)), None)
    return None


class StepSerializer(StrictSerializer):
    """One of `aim.outbound.steps`."""

    name = serializers.CharField(
        read_only=True, help_text="connect, authenticate, tls, health, capabilities, challenge or signature."
    )
    title = serializers.CharField(read_only=True)
    result = serializers.ChoiceField(choices=["waiting", "running", "passed", "failed", "skipped"], read_only=True)
    detail = serializers.CharField(read_only=True, help_text="A sentence. May quote who was asked: hostile text.")
    ms = serializers.FloatField(read_only=True, allow_null=True)
    facts = serializers.DictField(read_only=True)
