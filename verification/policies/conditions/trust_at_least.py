"""`trust_at_least: 90`: the agent's trust at this moment; an agent without a score has none."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, register

if TYPE_CHECKING:
    from verification.contracts import Case

_FULL = 100


def problems(value: Any) -> list[str]:
    return [] if type(value) is int and 0 <= value <= _FULL else [_("Must be a whole number from 0 to 100.")]


def compiled(value: Any, _facts: Facts) -> Predicate:
    least = Decimal(value)

    def holds(case: "Case") -> bool:
        trust = case.agent.trust_score
        return trust is not None and trust >= least

    return holds


def sentence(value: Any) -> str:
    return _("the agent's trust is at least %(score)s") % {"score": value}


register(Condition("trust_at_least", "Trust is sufficient", "trust", problems, compiled, sentence))
