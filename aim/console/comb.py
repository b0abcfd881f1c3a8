"""The checks of a decision as bars and as lanes of a waterfall: where it failed, before a word is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext

_LANE = 200.0
_LEAST_MARK = 2.0


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"
    NOT_RUN = "not_run"


WORDS: dict[Outcome, Promise] = {
    Outcome.PASSED: gettext_lazy("passed"),
    Outcome.FAILED: gettext_lazy("failed"),
    Outcome.WAITING: gettext_lazy("asks a person"),
    Outcome.NOT_RUN: gettext_lazy("not run"),
}
# How records and API spell them.
_SPELLINGS = {
    "passed": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "errored": Outcome.FAILED,
    "waiting": Outcome.WAITING,
    "needs_approval": Outcome.WAITING,
    "pending": Outcome.WAITING,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a decision. `microseconds` is None where it was not run."""

    name: str
    outcome: Outcome
    detail: str = ""
    microseconds: float | None = None

    @classmethod
    def of(cls, found: "Check | Mapping[str, Any] | tuple[str, str]") -> "Check":
        """A check as it is, as a record holds it, or as a pair of name and outcome."""
        if isinstance(found, Check):
            return found
        if isinstance(found, tuple):
            return cls(found[0], outcome_of(found[1]))
        return cls(
            str(found["name"]),
            outcome_of(found.get("outcome")),
            str(found.get("detail") or ""),
            found.get("microseconds"),
        )


def outcome_of(text: object) -> Outcome:
    """Anything that is not known was not run: a bar never claims that something passed."""
    return _SPELLINGS.get(str(text), Outcome.NOT_RUN)


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    outcome: Outcome
    words: str
    x: int
    y: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Comb:
    width: int
    height: int
    bars: list[Bar]
    sentence: str


def comb(checks: Sequence[Any], size: str = "") -> Comb:
    """Bars of 3 by 10 in rows, of 6 by 18 where `size` is `large`; what failed or waits stands out in height too."""
    width, gap, low, high, dot = (6, 4, 18, 28, 6) if size == "large" else (3, 2, 10, 16, 3)
    heights = {Outcome.PASSED: low, Outcome.FAILED: high, Outcome.WAITING: high, Outcome.NOT_RUN: dot}
    known = [Check.of(check) for check in checks]
    bars = [
        Bar(
            check.name,
            check.outcome,
            str(WORDS[check.outcome]),
            index * (width + gap),
            (high - heights[check.outcome]) / 2,
            width,
            heights[check.outcome],
        )
        for index, check in enumerate(known)
    ]
    return Comb(max(1, len(known) * (width + gap) - gap), high, bars, sentence(known))


def drawn(checks: Sequence[Any], size: str = "") -> SafeString:
    """The comb as SVG. A list draws one a row, and few of them differ: each is made once."""
    known = tuple((check.name, check.outcome) for check in map(Check.of, checks))
    return _drawn(known, size, get_language())


@lru_cache(maxsize=1024)
def kept_comb(checks: tuple[tuple[str, str], ...], language: str | None) -> SafeString:
    """The comb of pairs of name and outcome, as `drawn` makes it, kept by what a row has at hand."""
    return _drawn(tuple((name, outcome_of(outcome)) for name, outcome in checks), "", language)


@lru_cache(maxsize=1024)
def _drawn(known: tuple[tuple[str, Outcome], ...], size: str, _language: str | None) -> SafeString:
    shown = comb([Check(name, outcome) for name, outcome in known], size)
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx=".5"><title>{}: {}</title></rect>',
        ((bar.outcome, bar.x, bar.y, bar.width, bar.height, bar.name, bar.words) for bar in shown.bars),
    )
    return format_html(
        '<svg class="comb{}" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}</svg>',
        *(" comb-large" if size == "large" else "", shown.sentence, shown.width, shown.height),
        *(shown.width, shown.height, bars),
    )


def sentence(checks: Sequence[Check]) -> str:
    """Such as "7 of 8 checks passed, capability failed"."""
    passed = sum(check.outcome is Outcome.PASSED for check in checks)
    parts = [
        ngettext("%(passed)d of %(all)d check passed", "%(passed)d of %(all)d checks passed", len(checks))
        % {"passed": passed, "all": len(checks)}
    ]
    for outcome in (Outcome.FAILED, Outcome.WAITING):
        names = ", ".join(check.name for check in checks if check.outcome is outcome)
        if names:
            parts.append(f"{names} {WORDS[outcome]}")
    if not checks:
        return gettext("No checks on record")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    outcome: Outcome
    words: str
    detail: str
    x: float
    width: float
    took: str


def waterfall(checks: Sequence[Any]) -> list[Lane]:
    """The checks one after another on one linear scale, without the commit, which would flatten them."""
    known = [Check.of(check) for check in checks]
    whole = sum(check.microseconds or 0 for check in known) or 1.0
    lanes, x = [], 0.0
    for check in known:
        width = 0.0
        if check.microseconds is not None:
            width = max(_LEAST_MARK, _LANE * check.microseconds / whole)
        took = "–" if check.microseconds is None else f"{check.microseconds:.1f} µs"
        start = min(x, _LANE - width)
        lanes.append(
            Lane(
                check.name,
                check.outcome,
                str(WORDS[check.outcome]),
                check.detail,
                round(start, 1),
                round(width, 1),
                took,
            )
        )
        x += _LANE * (check.microseconds or 0) / whole
    return lanes
