"""What every template of the console may use without being handed it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from aim.console.fragments import FRAGMENTS
from aim.console.preferences import preferences_of


def console(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `fragments`, `preferences`, `origin`."""
    return {"fragments": FRAGMENTS, "preferences": preferences_of(request), "origin": settings.ORIGIN}
