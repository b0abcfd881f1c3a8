"""Typed comparisons on what a request says: `parameters.amount`, `data.bytes`, `context.environment`.

A field that is missing, or that cannot be compared with the value, is unknown. Unknown counts against the request: it
meets a comparison of a policy that restricts, and fails one of a policy that allows, unless the policy says otherwise.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import msgspec

from verification.policies.terms import NUMERIC, number_of

if TYPE_CHECKING:
    from verification.contracts import ActionRequest, Case
    from verification.policies.document import Comparison

Predicate = Callable[["Case"], bool]
_decode = msgspec.json.Decoder().decode
_MISSING: Any = object()
_ORDERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "more_than": gt,
    "at_least": ge,
    "less_than": lt,
    "at_most": le,
}


def compile_comparison(comparison: "Comparison", *, restricts: bool) -> Predicate:
    root, *path = comparison.field.split(".")
    judge = _judge(comparison)
    unknown = comparison.when_missing == "met" if comparison.when_missing else restricts
    if comparison.operator == "present":
        wanted = comparison.value

        def presence(case: "Case") -> bool:
            found = _find(case.request, root, path)
            return (found is not _MISSING and found is not None) is wanted

        return presence
    currency = comparison.currency

    def compare(case: "Case") -> bool:
        request = case.request
        found = _find(request, root, path)
        if currency:
            found = _amount_in(request, root, path, found, currency)
        result = None if found is _MISSING or found is None else judge(found)
        return unknown if result is None else result

    return compare


def _find(request: "ActionRequest", root: str, path: Sequence[str]) -> Any:
    value: Any = _root(request, root)
    for name in path:
        if type(value) is not dict:
            return _MISSING
        value = value.get(name, _MISSING)
        if value is _MISSING:
            return _MISSING
    return value


def _root(request: "ActionRequest", root: str) -> Any:
    if root == "parameters":
        return request.parameters
    if root == "context":
        return _decode(request.context_json)
    # Nothing said and nothing to move are the same to a request, so that both are unknown.
    return {name: value for name, value in _decode(request.data_json).items() if value}


def _amount_in(request: "ActionRequest", root: str, path: Sequence[str], found: Any, currency: str) -> Any:
    """The amount, if its currency is the one that is meant: told beside it, or inside `{amount, currency}`."""
    if type(found) is dict:
        found, told = found.get("amount", _MISSING), found.get("currency")
    else:
        told = _find(request, root, [*path[:-1], "currency"])
    return found if type(told) is str and told.upper() == currency else _MISSING


def _judge(comparison: "Comparison") -> Callable[[Any], bool | None]:
    """Answers None where the found value is of another type than the wanted one."""
    operator, value = comparison.operator, comparison.value
    if operator in NUMERIC:
        return _ordered(_ORDERS[operator], value)
    match operator:
        case "is":
            return _equal(value)
        case "is_not":
            return _negated(_equal(value))
        case "one_of":
            return _among([_equal(item) for item in value])
        case "none_of":
            return _negated(_among([_equal(item) for item in value]))
        case "contains":
            return _containing(value)
        case _:
            return _edge(str(value).casefold(), at_start=operator == "starts_with")


def _ordered(order: Callable[[Decimal, Decimal], bool], value: Any) -> Callable[[Any], bool | None]:
    limit = number_of(value)
    assert limit is not None

    def judge(found: Any) -> bool | None:
        kind = type(found)
        # Whole numbers, the common ones, compare exactly with decimals as they are.
        number = found if kind is int else number_of(found)
        return None if number is None else order(number, limit)

    return judge


def _equal(value: Any) -> Callable[[Any], bool | None]:
    if type(value) is bool:
        return lambda found: found is value if type(found) is bool else None
    if isinstance(value, str):
        text = value.casefold()
        # A rule must not be avoided by a change of case.
        return lambda found: found.casefold() == text if type(found) is str else None
    limit = number_of(value)

    def judge(found: Any) -> bool | None:
        number = number_of(found)
        return None if number is None else number == limit

    return judge


def _negated(judge: Callable[[Any], bool | None]) -> Callable[[Any], bool | None]:
    def negate(found: Any) -> bool | None:
        result = judge(found)
        return None if result is None else not result

    return negate


def _among(judges: Sequence[Callable[[Any], bool | None]]) -> Callable[[Any], bool | None]:
    def judge(found: Any) -> bool | None:
        known = False
        for one in judges:
            result = one(found)
            if result:
                return True
            known = known or result is not None
        return False if known else None

    return judge


def _containing(value: Any) -> Callable[[Any], bool | None]:
    equal = _equal(value)
    text = value.casefold() if isinstance(value, str) else None

    def judge(found: Any) -> bool | None:
        if type(found) is list:
            results = [equal(item) for item in found]
            return True if True in results else None if None in results else False
        if type(found) is str and text is not None:
            return text in found.casefold()
        return None

    return judge


def _edge(text: str, *, at_start: bool) -> Callable[[Any], bool | None]:
    def judge(found: Any) -> bool | None:
        if type(found) is not str:
            return None
        return found.casefold().startswith(text) if at_start else found.casefold().endswith(text)

    return judge
