"""`amount_at_most: {field: parameters.amount, value: 100, currency: EUR}`; an amount that is missing is too much."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, register
from verification.policies.terms import number_of


def problems(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [_("Must be an object with field and value, and currency where it matters.")]
    found = [
        _("Unknown field: %(name)s") % {"name": name} for name in value if name not in {"field", "value", "currency"}
    ]
    name = value.get("field")
    if not isinstance(name, str) or name.partition(".")[0] not in {"parameters", "data"} or not all(name.split(".")):
        found.append(_("field: Name a field such as parameters.amount."))
    if number_of(value.get("value")) is None:
        found.append(_("value: Must be a number, or a decimal number as text."))
    currency = value.get("currency", "EUR")
    if not isinstance(currency, str) or len(currency) != 3 or not currency.isupper():  # noqa: PLR2004 - ISO 4217
        found.append(_("currency: Use a code of ISO 4217 such as EUR."))
    return found


def compiled(value: Any, _facts: Facts) -> Predicate:
    # Documents know the conditions, which are read before.
    from verification.policies.comparisons import compile_comparison  # noqa: PLC0415
    from verification.policies.document import Comparison  # noqa: PLC0415

    comparison = Comparison(value["field"], "at_most", value["value"], value.get("currency", ""))
    return compile_comparison(comparison, restricts=False)


def sentence(value: Any) -> str:
    amount = f"{value['value']} {value.get('currency', '')}"
    return (_("%(field)s is at most %(value)s") % {"field": value["field"], "value": amount}).rstrip()


register(Condition("amount_at_most", "Small amount", "small amount", problems, compiled, sentence))
