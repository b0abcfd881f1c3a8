"""`read_only: true`: the action changes nothing, by the catalogue of capabilities and not by what the agent says."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, register
from verification.policies.terms import READ_ONLY_ACTIONS

if TYPE_CHECKING:
    from verification.contracts import Case


def problems(value: Any) -> list[str]:
    return [] if value is True else [_("Must be true; leave it out otherwise.")]


def compiled(_value: Any, _facts: Facts) -> Predicate:
    def holds(case: "Case") -> bool:
        return case.request.action_type in READ_ONLY_ACTIONS

    return holds


def sentence(_value: Any) -> str:
    return _("the operation is read-only")


register(Condition("read_only", "Read-only operation", "read-only", problems, compiled, sentence))
