"""Reading of loose JSON, YAML or rows into what is meant: each problem is noted with its path, and reading goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.configuration import line_problems
from aim.api.strict_json import hostile_text
from aim.errors import Problem

Texts = tuple[str, ...]
MOST_ENTRIES = 200


class Reader:
    """Answers something usable even for what is wrong, so that one reading finds every problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, message: str, code: str = "invalid") -> None:
        self.problems.append(Problem(path, code, message))

    def mapping(self, value: Any, path: str, *, known: Sequence[str], what: str = "field") -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.add(path, "Must be an object.")
            return {}
        for name in value:
            if name not in known:
                shown = f"{path}.{name}" if path else str(name)
                self.add(shown[:200], f"Unknown {what}: {shown[:200]}. Known are {', '.join(known)}.", "unknown")
        return {name: value[name] for name in value if name in known}

    def items(self, value: Any, path: str, *, most: int = MOST_ENTRIES) -> list[Any]:
        if not isinstance(value, list | tuple):
            self.add(path, "Must be a list.")
            return []
        if len(value) > most:
            self.add(path, f"At most {most} entries.")
            return []
        return list(value)

    def texts(self, value: Any, path: str, rule: Callable[[str], list[str]]) -> Texts:
        texts: list[str] = []
        for index, item in enumerate(self.items(value, path)):
            text = self.line(item, f"{path}[{index}]", longest=512)
            for problem in rule(text) if text else ():
                self.add(f"{path}[{index}]", problem)
            if text in texts:
                self.add(f"{path}[{index}]", f"Given twice: {text[:80]}", "duplicate")
            texts.append(text)
        return tuple(texts)

    def line(self, value: Any, path: str, *, longest: int) -> str:
        if value is None:
            self.add(path, f"Missing required field: {path}", "required")
            return ""
        problems = line_problems(value, longest=longest)
        for problem in problems:
            self.add(path, problem)
        return "" if problems else value

    def text(self, value: Any, path: str, *, longest: int) -> str:
        if not isinstance(value, str) or len(value) > longest or hostile_text(value):
            self.add(path, f"Must be text of at most {longest} characters.")
            return ""
        return value

    def choice(self, value: Any, path: str, choices: Sequence[str]) -> str:
        if value is None:
            self.add(path, f"Missing required field: {path}", "required")
            return ""
        if not isinstance(value, str) or value not in choices:
            self.add(path, f"Choose one of {', '.join(choices)}.")
            return ""
        return value

    def number(self, value: Any, path: str, low: int, high: int) -> int:
        if type(value) is not int or not low <= value <= high:
            self.add(path, f"Choose a whole number from {low} to {high}.")
            return low
        return value

    def truth(self, value: Any, path: str) -> bool:
        if type(value) is not bool:
            self.add(path, "Must be true or false.")
            return False
        return value
