"""How a person wants the console to look. Kept in cookies, so that the server draws the first picture rightly."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_YEAR = 365 * 24 * 3600


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Density(StrEnum):
    COMPACT = "compact"
    STANDARD = "standard"
    COMFORTABLE = "comfortable"


class Folding(StrEnum):
    """Of the navigation."""

    EXPANDED = "expanded"
    COLLAPSED = "collapsed"


KINDS: dict[str, type[StrEnum]] = {"theme": Theme, "density": Density, "navigation": Folding}
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Preferences:
    theme: Theme
    density: Density
    navigation: Folding


def preferences_of(request: HttpRequest) -> Preferences:
    return Preferences(
        theme=_chosen(request, "theme", Theme.SYSTEM),
        density=_chosen(request, "density", Density.STANDARD),
        navigation=_chosen(request, "navigation", Folding.EXPANDED),
    )


def keep_preference(response: HttpResponse, name: str, value: str) -> None:
    """Raises `ValueError` for a preference or a value that does not exist."""
    if name not in KINDS:
        raise ValueError(f"There is no preference {name}")
    choice = KINDS[name](value)
    # Scripts read and write it too; it is no secret.
    response.set_cookie(f"aim_{name}", choice, max_age=_YEAR, samesite="Lax", secure=settings.SECURE_TRANSPORT)


def _chosen(request: HttpRequest, name: str, default: _Choice) -> _Choice:
    try:
        return type(default)(request.COOKIES.get(f"aim_{name}", default))
    except ValueError:
        return default
