"""One compiled pattern: what a key starts with, and segments of which some are globs."""

import re
from collections.abc import Sequence

TREE = "**"


class Glob:
    """Matches keys of `Resource`. `tree` or `name` is set where the pattern is a whole tree or a single name.

    `head` is all before the first segment; with `wildcard`, an expression for the host that stands at `{}` in it.
    """

    __slots__ = ("_match", "name", "tree")

    def __init__(self, head: str, segments: Sequence[str], *, wildcard: str = "") -> None:
        tree = bool(segments) and segments[-1] == TREE
        plain = segments[:-1] if tree else segments
        self.tree: str | None = None
        self.name: str | None = None
        if not wildcard and not any("*" in segment or "?" in segment for segment in plain):
            key = head + "".join(f"{segment}/" for segment in plain)
            self.tree, self.name = (key, None) if tree else (None, key)
        before, _, after = head.partition("{}")
        start = re.escape(before) + wildcard + re.escape(after)
        self._match = re.compile(start + _segments_expression(segments)).fullmatch

    def matches(self, key: str) -> bool:
        """Whether the key, such as `path:/app/config.json/`, is one of those that the pattern names."""
        return self._match(key) is not None


def _segments_expression(segments: Sequence[str]) -> str:
    """An expression in which no wildcard ever takes back what one before it has passed.

    Between two wildcards the first place where the literal part fits is always good enough. So each part stands in an
    atomic group, and time grows with the product of the lengths of pattern and key at worst.
    """
    runs: list[str] = [""]
    for segment in segments:
        if segment == TREE:
            runs.append("")
        else:
            runs[-1] += _segment_expression(segment)
    first, *rest = runs
    if not rest:
        return first
    *middle, last = rest
    skipping = "".join(f"(?>(?:[^/]++/)*?{run})" for run in middle if run)
    return f"{first}{skipping}(?:[^/]++/)*?{last}"


def _segment_expression(segment: str) -> str:
    first, *rest = (re.escape(part).replace(r"\?", "[^/]") for part in re.split(r"\*+", segment))
    if not rest:
        return f"{first}/"
    *middle, last = rest
    return f"(?>{first}" + "".join(f"(?>[^/]*?{part})" for part in middle if part) + f"[^/]*{last}/)"
