"""An agent's own require-approval and auto-deny lists, compiled for the decision."""

from collections.abc import Sequence

from agents.catalogue import InvalidRuleError, Rule, parse_rule
from aim.resources.patterns import Scope, compile_scope
from aim.resources.resource import Resource


class Rules:
    """A list of rules: those about whole actions first, then those about resources, each in the order of the list."""

    __slots__ = ("_always", "_by_action", "_everywhere")

    def __init__(self, rules: Sequence[tuple[str, Rule]]) -> None:
        # Whole actions are one look-up away; only rules about resources are tried one by one.
        self._always: str | None = None
        self._by_action: dict[str, str] = {}
        self._everywhere: list[tuple[str, frozenset[str] | None, Scope]] = []
        for text, rule in rules:
            if rule.pattern is not None:
                self._everywhere.append((text, rule.actions, compile_scope([rule.pattern])))
            elif rule.actions is None:
                self._always = self._always or text
            else:
                for action in rule.actions:
                    self._by_action.setdefault(action, text)

    def match(self, action_type: str, resource: Resource | None) -> str | None:
        """The text of a rule that applies, or None. A resource of None is one that nobody could normalize.

        Such a resource meets every rule about resources of its action, for it could be any of them.
        """
        if self._always is not None:
            return self._always
        if (text := self._by_action.get(action_type)) is not None:
            return text
        for text, actions, scope in self._everywhere:
            if (actions is None or action_type in actions) and (resource is None or scope.allows(resource)):
                return text
        return None


def compile_rules(texts: Sequence[str]) -> Rules:
    """The compiled list. A broken rule applies to everything, for both lists restrict: what is broken never permits."""
    return Rules([(text, _parsed(text)) for text in texts])


def _parsed(text: str) -> Rule:
    try:
        return parse_rule(text)
    except InvalidRuleError:
        return Rule(actions=None, pattern=None)
