"""What a policy's `match` asks of a request, as functions that are asked one after another."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aim.resources.patterns import Scope, compile_scope
from verification.policies.comparisons import compile_comparison
from verification.policies.conditions.registry import Facts
from verification.policies.document import Match

if TYPE_CHECKING:
    from verification.contracts import Case

Predicate = Callable[["Case"], bool]


def scope_of(match: Match, facts: Facts, *, restricts: bool) -> Scope | None:
    """Outside of which resources the policy surely does not apply; None where that says nothing."""
    if match.resources:
        return compile_scope(match.resources)
    if not match.data_classes or (restricts and any(name not in facts.data_classes for name in match.data_classes)):
        return None
    return union_of([facts.data_classes[name] for name in match.data_classes if name in facts.data_classes])


def union_of(scopes: Sequence[Scope]) -> Scope:
    """What at least one of them allows, in one look."""
    return Scope([glob for scope in scopes for glob in scope.globs])


def tests_of(match: Match, facts: Facts, *, restricts: bool) -> tuple[Predicate, ...]:
    tests: list[Predicate] = []
    if match.resources:
        tests.append(_of_resource((compile_scope(match.resources),), restricts=restricts))
    if match.data_classes:
        tests.append(_of_data_class(match.data_classes, facts, restricts=restricts))
    if match.users:
        tests.append(_of_user(frozenset(match.users), restricts=restricts))
    if match.mcp_servers:
        tests.append(_of_name(match.mcp_servers, "mcp_server"))
    if match.tools:
        tests.append(_of_name(match.tools, "tool"))
    tests += [compile_comparison(comparison, restricts=restricts) for comparison in match.where]
    return tuple(tests)


def _of_resource(scopes: tuple[Scope, ...], *, restricts: bool) -> Predicate:
    if len(scopes) == 1:
        allows = scopes[0].allows

        def one(case: "Case") -> bool:
            place = case.request.place
            return restricts if place is None else allows(place)

        return one

    def any_of(case: "Case") -> bool:
        place = case.request.place
        return restricts if place is None else any(scope.allows(place) for scope in scopes)

    return any_of


def _of_data_class(names: Sequence[str], facts: Facts, *, restricts: bool) -> Predicate:
    scopes = tuple(facts.data_classes[name] for name in names if name in facts.data_classes)
    if restricts and len(scopes) < len(names):
        # A class that nobody describes could hold anything.
        return lambda _case: True
    return _of_resource(scopes, restricts=restricts)


def _of_user(users: frozenset[str], *, restricts: bool) -> Predicate:
    def test(case: "Case") -> bool:
        user = case.request.user_id
        return user in users if user else restricts

    return test


def _of_name(patterns: Sequence[str], attribute: str) -> Predicate:
    expression = "|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns)
    matches = re.compile(f"(?:{expression})", re.DOTALL | re.IGNORECASE).fullmatch

    def test(case: "Case") -> bool:
        name = getattr(case.request, attribute)
        return name is not None and matches(name) is not None

    return test
