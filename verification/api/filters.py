"""How lists of decisions are narrowed: in the database, over all rows."""

import django_filters
from django.db.models import QuerySet

from accounts.contracts import Actor
from aim.api.filters import MomentFilter
from aim.ids import IdKind, InvalidIdError, parse_id
from verification.documents import matching_ids
from verification.models import ClassifiedDecision, DataClass, Verification

SEARCHED = 10_000
"""So many of the newest that a text finds are listed; whoever wants older ones asks for those `until` a time."""


class VerificationFilters(django_filters.FilterSet):  # type: ignore[misc]
    agent = django_filters.CharFilter(method="by_agent", help_text="The id of an agent.")
    status = django_filters.ChoiceFilter(choices=Verification.Status.choices)
    code = django_filters.CharFilter()
    action_type = django_filters.CharFilter()
    data_class = django_filters.CharFilter(
        method="by_data_class", help_text="The name of a class of data, as it was when the decision was made."
    )
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    until = MomentFilter(field_name="created_at", lookup_expr="lt")
    q = django_filters.CharFilter(
        method="search",
        help_text="Words of the resource, the user or the session, or how they begin: the newest 10,000 that have all.",
    )

    class Meta:
        model = Verification
        fields: list[str] = []

    def by_agent(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        try:
            return rows.filter(agent_id=parse_id(IdKind.AGENT, value))
        except InvalidIdError:
            # An id that cannot exist has no decisions, as one of another organization has none for this caller.
            return rows.none()

    def by_data_class(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        classes = DataClass.objects.filter(name=value).values("id")
        found = ClassifiedDecision.objects.filter(data_class_id__in=classes)
        return rows.filter(id__in=found.values("verification_id"))

    def search(self, rows: QuerySet[Verification], _name: str, value: str) -> QuerySet[Verification]:
        """Last, so that the rows are narrowed by everything else before."""
        actor = self.request.user
        assert isinstance(actor, Actor)
        return rows.filter(id__any_of=matching_ids(actor, value, rows, most=SEARCHED))
