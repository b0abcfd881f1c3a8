"""How the lists of approvals and grants are narrowed."""

import django_filters
from django.db.models import QuerySet

from aim.ids import IdKind, InvalidIdError, parse_id
from verification.approvals.models import Approval, Grant
from verification.approvals.selectors import database_now, decidable_by


def _of_agent(rows: QuerySet, value: str) -> QuerySet:  # type: ignore[type-arg]
    try:
        return rows.filter(agent_id=parse_id(IdKind.AGENT, value))
    except InvalidIdError:
        return rows.none()


class ApprovalFilters(django_filters.FilterSet):  # type: ignore[misc]
    status = django_filters.ChoiceFilter(choices=Approval.Status.choices)
    agent = django_filters.CharFilter(method="by_agent", help_text="The id of an agent.")
    action = django_filters.CharFilter(field_name="action_type", help_text="An action type.")
    mine = django_filters.BooleanFilter(method="by_caller", help_text="Those that wait for the caller's word.")

    class Meta:
        model = Approval
        fields: list[str] = []

    def by_agent(self, rows: QuerySet[Approval], _name: str, value: str) -> QuerySet[Approval]:
        return _of_agent(rows, value)

    def by_caller(self, rows: QuerySet[Approval], _name: str, value: bool) -> QuerySet[Approval]:  # noqa: FBT001
        mine = decidable_by(self.request.user, rows)
        return mine if value else rows.exclude(id__in=mine.values("id"))


class GrantFilters(django_filters.FilterSet):  # type: ignore[misc]
    agent = django_filters.CharFilter(method="by_agent", help_text="The id of an agent.")
    standing = django_filters.BooleanFilter(method="by_standing", help_text="Neither expired nor revoked.")

    class Meta:
        model = Grant
        fields: list[str] = []

    def by_agent(self, rows: QuerySet[Grant], _name: str, value: str) -> QuerySet[Grant]:
        return _of_agent(rows, value)

    def by_standing(self, rows: QuerySet[Grant], _name: str, value: bool) -> QuerySet[Grant]:  # noqa: FBT001
        standing = {"revoked_at": None, "expires_at__gt": database_now()}
        return rows.filter(**standing) if value else rows.exclude(**standing)
