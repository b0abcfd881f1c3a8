"""How lists of decisions are narrowed: in the database, over all rows."""

import django_filters
from django.db.models import Q, QuerySet

from accounts.contracts import Actor
from aim.api.filters import MomentFilter
from aim.api.pagination import CursorPages
from aim.ids import IdKind, InvalidIdError, parse_id
from verification.bounds import within_days, within_moments
from verification.classified import of_class_beside
from verification.documents import matching_beside
from verification.models import DataClass, Verification

_KINDS = ("status", "code", "action_type")


class VerificationFilters(django_filters.FilterSet):  # type: ignore[misc]
    agent = django_filters.CharFilter(method="by_agent", help_text="The id of an agent.")
    status = django_filters.ChoiceFilter(choices=Verification.Status.choices)
    code = django_filters.CharFilter()
    action_type = django_filters.CharFilter()
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    until = MomentFilter(field_name="created_at", lookup_expr="lt")
    data_class = django_filters.CharFilter(
        method="by_data_class", help_text="The name of a class of data, as it was when the decision was made."
    )
    q = django_filters.CharFilter(
        method="search",
        help_text="Words of the resource, the user or the session, or how they begin. With other filters, at least"
        " among the next 1,000 that have all.",
    )

    class Meta:
        model = Verification
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Verification]) -> QuerySet[Verification]:
        """By the key first: the columns that are filtered have no index."""
        values = self.form.cleaned_data
        rows = within_moments(queryset, since=values["since"], until=values["until"])
        kind = {name: values[name] for name in _KINDS if values[name]}
        if kind:
            rows = within_days(self._actor, rows, Q(**kind))
        filtered: QuerySet[Verification] = super().filter_queryset(rows)
        return filtered

    @property
    def _actor(self) -> Actor:
        actor = self.request.user
        assert isinstance(actor, Actor)
        return actor

    def by_agent(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        try:
            return rows.filter(agent_id=parse_id(IdKind.AGENT, value))
        except InvalidIdError:
            # An id that cannot exist has no decisions, as one of another organization has none for this caller.
            return rows.none()

    def by_data_class(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        known = DataClass.objects.filter(organization_id=self._actor.scope, name=value).first()
        if known is None:
            return rows.none()
        limit, cursor = CursorPages.asked(self.request)
        # With a text, it is not known here how many it will leave.
        count = 0 if self.form.cleaned_data["q"] else limit + 1
        return of_class_beside(rows, known.id, cursor, count=count)

    def search(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        """Last, so that the rows are narrowed by everything else before."""
        limit, cursor = CursorPages.asked(self.request)
        ids = matching_beside(self._actor, value, rows, cursor, count=limit + 1)
        return rows.filter(id__any_of=ids)
