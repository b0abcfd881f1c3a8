"""`data_class: [public]`: the resource is of one of the organization's classes of data."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from aim.resources.patterns import Scope
from verification.policies.conditions.registry import Condition, Facts, Predicate, any_of, register
from verification.policies.terms import data_class_problems

if TYPE_CHECKING:
    from verification.contracts import Case

_NONE = Scope(())


def problems(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        return [_("Must be a list of data classes, such as [public].")]
    return [problem for name in value for problem in data_class_problems(name)]


def compiled(value: Any, facts: Facts) -> Predicate:
    scopes = tuple(facts.data_classes.get(name, _NONE) for name in value)

    def holds(case: "Case") -> bool:
        place = case.request.place
        return place is not None and any(scope.allows(place) for scope in scopes)

    return holds


def sentence(value: Any) -> str:
    return _("the data is %(names)s") % {"names": any_of(value)}


register(Condition("data_class", "Data of a listed class", "data class", problems, compiled, sentence))
