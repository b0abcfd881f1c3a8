"""The conditions under which a policy's own approval is given by itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from verification.policies.conditions.registry import CONDITIONS, Facts

if TYPE_CHECKING:
    from verification.contracts import Case

Predicate = Callable[["Case"], bool]
log = structlog.get_logger("aim.verification")


class AutoApproval:
    """The alternatives of one policy. Asked with a case it answers what was enough, and how each condition stood."""

    def __init__(self, alternatives: Sequence[Mapping[str, Any]], facts: Facts) -> None:
        self._conditions: list[Predicate] = []
        self._questions: list[str] = []
        self._shorts: list[str] = []
        self._alternatives: list[tuple[int, ...]] = []
        for alternative in alternatives:
            first = len(self._conditions)
            for kind, value in alternative.items():
                condition = CONDITIONS[kind]
                self._conditions.append(condition.compile(value, facts))
                self._questions.append(_question(kind, value))
                self._shorts.append(condition.short)
            self._alternatives.append(tuple(range(first, len(self._conditions))))
        self._said: dict[tuple[bool, ...], tuple[bool, str]] = {}

    def ask(self, case: "Case") -> tuple[bool, str]:
        """Whether one alternative holds, and all of it in words."""
        answers = tuple([_holds(condition, case) for condition in self._conditions])
        said = self._said.get(answers)
        if said is None:
            said = self._said[answers] = self._in_words(answers)
        return said

    def _in_words(self, answers: tuple[bool, ...]) -> tuple[bool, str]:
        lines = [
            f"{question}: {'yes' if answer else 'no'}"
            for question, answer in zip(self._questions, answers, strict=True)
        ]
        for alternative in self._alternatives:
            if all(answers[index] for index in alternative):
                enough = " + ".join(self._shorts[index] for index in alternative)
                return True, "; ".join([*lines, f"auto-approved ({enough})"])
        return False, "; ".join(lines)


def _question(kind: str, value: Any) -> str:
    if kind == "user_role" and len(value) == 1:
        return f"User is {value[0]}"
    return CONDITIONS[kind].question


def _holds(condition: Predicate, case: "Case") -> bool:
    """A condition that breaks does not hold."""
    try:
        return condition(case)
    except Exception:
        log.exception("policy_condition_broke", agent=case.agent.public_id)
        return False
