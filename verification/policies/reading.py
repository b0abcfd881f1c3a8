"""Reading of loose JSON, YAML or rows into what is meant: each problem is noted with its path, and reading goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from agents.configuration import line_problems
from aim.api.strict_json import hostile_text
from aim.errors import Problem

Texts = tuple[str, ...]
MOST_ENTRIES = 200
UNKNOWN_FIELD = gettext_noop("Unknown field: %(name)s. Known are %(known)s.")
UNKNOWN_CONDITION = gettext_noop("Unknown condition: %(name)s. Known are %(known)s.")


class Reader:
    """Answers something usable even for what is wrong, so that one reading finds every problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, message: str, code: str = "invalid") -> None:
        self.problems.append(Problem(path, code, message))

    def mapping(
        self, value: Any, path: str, *, known: Sequence[str], unknown: str = UNKNOWN_FIELD
    ) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.add(path, _("Must be an object."))
            return {}
        for name in value:
            if name not in known:
                shown = f"{path}.{name}" if path else str(name)
                words = {"name": shown[:200], "known": ", ".join(known)}
                self.add(shown[:200], _(unknown) % words, "unknown")
        return {name: value[name] for name in value if name in known}

    def items(self, value: Any, path: str, *, most: int = MOST_ENTRIES) -> list[Any]:
        if not isinstance(value, list | tuple):
            self.add(path, _("Must be a list."))
            return []
        if len(value) > most:
            self.add(path, ngettext("At most %(most)s entry.", "At most %(most)s entries.", most) % {"most": most})
            return []
        return list(value)

    def texts(self, value: Any, path: str, rule: Callable[[str], list[str]]) -> Texts:
        texts: list[str] = []
        for index, item in enumerate(self.items(value, path)):
            text = self.line(item, f"{path}[{index}]", longest=512)
            for problem in rule(text) if text else ():
                self.add(f"{path}[{index}]", problem)
            if text in texts:
                self.add(f"{path}[{index}]", _("Given twice: %(text)s") % {"text": text[:80]}, "duplicate")
            texts.append(text)
        return tuple(texts)

    def line(self, value: Any, path: str, *, longest: int) -> str:
        if value is None:
            self.add(path, _("Missing required field: %(path)s") % {"path": path}, "required")
            return ""
        problems = line_problems(value, longest=longest)
        for problem in problems:
            self.add(path, problem)
        return "" if problems else value

    def text(self, value: Any, path: str, *, longest: int) -> str:
        if not isinstance(value, str) or len(value) > longest or hostile_text(value):
            self.add(
                path,
                ngettext(
                    "Must be text of at most %(most)s character.",
                    "Must be text of at most %(most)s characters.",
                    longest,
                )
                % {"most": longest},
            )
            return ""
        return value

    def choice(self, value: Any, path: str, choices: Sequence[str]) -> str:
        if value is None:
            self.add(path, _("Missing required field: %(path)s") % {"path": path}, "required")
            return ""
        if not isinstance(value, str) or value not in choices:
            self.add(path, _("Choose one of %(choices)s.") % {"choices": ", ".join(choices)})
            return ""
        return value

    def number(self, value: Any, path: str, low: int, high: int) -> int:
        if type(value) is not int or not low <= value <= high:
            self.add(path, _("Choose a whole number from %(low)s to %(high)s.") % {"low": low, "high": high})
            return low
        return value

    def truth(self, value: Any, path: str) -> bool:
        if type(value) is not bool:
            self.add(path, _("Must be true or false."))
            return False
        return value
