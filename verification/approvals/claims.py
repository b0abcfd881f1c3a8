"""Whether an agent says that it acts for somebody, in SQL as `eligibility.acts_for` tells it in Python.

Python compares texts by their full case folding, which no PostgreSQL before 18 has. So each character is put in the
place of those that it is folded from, as far as it occurs in what is looked for: no other can be part of a match.
"""

from functools import lru_cache
from typing import Any

_CASED = 0x20000
"""No character beyond has a case, or is a space."""


@lru_cache(maxsize=256)
def claimed_sql(column: str, claims: frozenset[str]) -> tuple[str, tuple[Any, ...]]:
    """A condition with its parameters: whether the column, stripped and folded, is one of these."""
    known, singles, sources = set("".join(claims)), "", ""
    parameters: list[Any]
    statement, parameters = f"btrim({column}, %s)", [_spaces()]
    for source, target in _foldings():
        if not known.issuperset(target):
            continue
        if len(target) == 1:
            sources, singles = sources + source, singles + target
        else:
            statement = f"replace({statement}, %s, %s)"
            parameters += [source, target]
    if sources:
        statement = f"translate({statement}, %s, %s)"
        parameters += [sources, singles]
    return f"{statement} = ANY(%s::text[])", (*parameters, sorted(claims))


@lru_cache(maxsize=1)
def _foldings() -> list[tuple[str, str]]:
    """Each character that case folding changes, and what it becomes."""
    characters = map(chr, range(_CASED))
    return [(one, folded) for one in characters if (folded := one.casefold()) != one]


@lru_cache(maxsize=1)
def _spaces() -> str:
    """What `str.strip` takes away."""
    return "".join(one for one in map(chr, range(_CASED)) if one.isspace())
