"""Every address of the project that is not the API's, found by walking the URL resolver."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.console import PageAccess

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>([^)]*)\)")
_FIXED = {"list_name": "agents", "provider": "google", "uid": "x", "token": "y"}
METHODS = ("GET", "POST")


@dataclass(frozen=True)
class PageUrl:
    """One address; where a verb or an ending stands in it, one for each."""

    name: str
    route: str
    view: Callable[..., Any]
    verb: str | None = None

    @property
    def access(self) -> PageAccess | None:
        """What it declares; None where it is not behind the door of the console."""
        return getattr(self.view, "access", None)

    @property
    def parameters(self) -> list[str]:
        """The ids in its address, by the key that an estate has them by."""
        return [self._key(first or second) for first, second, _pattern in _PARAMETER.findall(self.route)]

    def path(self, ids: Mapping[str, str]) -> str:
        path = _PARAMETER.sub(lambda match: ids[self._key(match[1] or match[2])], self.route)
        return "/" + path.removeprefix("^").removesuffix("$")

    def methods(self) -> set[str]:
        """Those that are not refused, whoever asks: a page says so itself to a method that nobody has."""
        refusal = Client(raise_request_exception=False).put(self.path(_Anything()))
        assert refusal.status_code == 405, f"{self.name} does not say which methods it takes"
        return set(METHODS) & {method.strip() for method in refusal.headers["Allow"].split(",")}

    def __str__(self) -> str:
        return f"{self.name} {self.verb}" if self.verb else self.name

    def _key(self, parameter: str) -> str:
        room = self.name.partition(":")[0]
        return f"{room}:{parameter}" if parameter in {"report_id", "key_id"} else parameter


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "1"


def page_urls() -> list[PageUrl]:
    found: list[PageUrl] = []
    for name, pattern, view in _walk(get_resolver().url_patterns, "", ""):
        route = _PARAMETER.sub(lambda part: _FIXED.get(part[1] or part[2], part[0]), pattern)
        choices = [(None, route)]
        for part in _PARAMETER.finditer(route):
            values = part[3].split("|") if part[3] and part[3] != "[^/]+" else []
            if part[1] == "verb" and (access := getattr(view, "access", None)):
                values = list(access.verbs)
            if values:
                choices = [(value, route.replace(part[0], value)) for value in values]
        found += [PageUrl(name, address, view, verb) for verb, address in choices]
    return found


def _walk(patterns: list[Any], route: str, room: str) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inside = f"{room}{pattern.namespace}:" if pattern.namespace else room
            yield from _walk(pattern.url_patterns, here, inside)
        elif isinstance(pattern, URLPattern) and not here.startswith("api/"):
            yield f"{room}{pattern.name}", here, pattern.callback
