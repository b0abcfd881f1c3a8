"""Figures as the language writes them, each made once: pages show hundreds, and few of them differ."""

from functools import lru_cache

from django.utils import formats
from django.utils.translation import get_language


def figure(value: float | str | None, digits: int = 0) -> str:
    """A figure as the language writes it, with separators; an en dash where there is none."""
    if value is None or value == "":
        return "–"
    value = float(value)
    return _figure(round(value, digits) if digits else round(value), digits, get_language())


@lru_cache(maxsize=4096)
def _figure(value: float, digits: int, _language: str | None) -> str:
    return formats.number_format(value, digits, force_grouping=True)
