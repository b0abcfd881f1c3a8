"""Fields of an agent's JSON that follow the rules of `agents.configuration`."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from agents.configuration import BOUNDS, CHOICES, FIELD_RULES, ITEM_RULES, MAX_ITEM, MAX_ITEMS, Rule
from aim.api.serializers import TextField, WholeNumberField


def validator(rule: Rule) -> Callable[[Any], None]:
    """The rule as DRF wants it."""

    def validate(value: Any) -> None:
        if problems := rule(value):
            raise serializers.ValidationError(problems)

    return validate


def text(field: str, **options: Any) -> TextField:
    return TextField(validators=[validator(FIELD_RULES[field])], **options)


def texts(field: str, **options: Any) -> serializers.ListField:
    item = TextField(max_length=MAX_ITEM, validators=[validator(ITEM_RULES[field])])
    return serializers.ListField(child=item, max_length=MAX_ITEMS, required=False, **options)


def number(field: str, **options: Any) -> WholeNumberField:
    low, high = BOUNDS[field]
    return WholeNumberField(min_value=low, max_value=high, required=False, **options)


def choice(field: str, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[field], **options)
