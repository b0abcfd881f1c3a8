"""The filters of the list of agents. Unknown values are refused, not ignored."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from agents.catalogue import CATALOGUE
from agents.models import Agent, AgentSearch, AgentStatus, AgentType
from aim.ids import IdKind, InvalidIdError, parse_id


class AgentFilters(filters.FilterSet):  # type: ignore[misc]
    status = filters.MultipleChoiceFilter(choices=AgentStatus.choices)
    agent_type = filters.ChoiceFilter(choices=AgentType.choices)
    capability = filters.ChoiceFilter(choices=[(code, code) for code in CATALOGUE], method="with_capability")
    tag = filters.CharFilter(method="with_tag", max_length=50)
    owner = filters.CharFilter(method="owned_by", help_text="`usr_…`")
    q = filters.CharFilter(
        method="containing", max_length=200, help_text="Part of the name, display name or description."
    )

    class Meta:
        model = Agent
        fields: ClassVar[list[str]] = []

    def with_capability(self, rows: QuerySet[Agent], _name: str, value: str) -> QuerySet[Agent]:
        return rows.filter(capabilities__contains=[value])

    def with_tag(self, rows: QuerySet[Agent], _name: str, value: str) -> QuerySet[Agent]:
        return rows.filter(tags__contains=[value])

    def owned_by(self, rows: QuerySet[Agent], _name: str, value: str) -> QuerySet[Agent]:
        try:
            return rows.filter(owner_id=parse_id(IdKind.USER, value))
        except InvalidIdError:
            return rows.none()

    def containing(self, rows: QuerySet[Agent], _name: str, value: Any) -> QuerySet[Agent]:
        # Of all organizations here: `rows` are those that the caller may see.
        return rows.filter(id__in=AgentSearch.objects.filter(text__contains=str(value).lower()))
