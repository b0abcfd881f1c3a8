"""Which resources a scope or a rule means: trees, globs, hosts and tables, matched without backtracking.

`*` and `?` stay within a segment, `**` is any number of whole segments, a closing slash means the whole tree.
"""

import re
from collections.abc import Sequence

from aim.resources.globs import TREE, Glob
from aim.resources.resource import Resource, normalize_resource
from aim.resources.text import HostileResourceError

MAX_PATTERN = 512
MAX_WILDCARDS = 40
# While a pattern passes through the normalizer of resources, two letters and a label stand in for its wildcards.
_STAR, _ONE, _LABEL = "\ua500", "\ua501", "aim-any-label"
_HIDE = str.maketrans("*?", _STAR + _ONE)
_SHOW = str.maketrans(_STAR + _ONE, "*?")
_AUTHORITY = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+://)(?P<host>[^/:\[]*\*[^/:]*)(?P<rest>.*)", re.ASCII)
_HOST = re.compile(r"(?P<wildcard>\*\*?)(?P<parent>\.[^*?]+)?")
_HOST_LABELS = {"*": r"[^./:\[\]]+", "**": r"[^/:\[\]]+"}
_DRIVE = re.compile(r"[A-Za-z]:[/\\]", re.ASCII)
_HEAD = re.compile(
    r"path:[^/]*/|url:[^:/]+://[^/]*/|database:(?:[^:/]+://[^/]*)?/|name:(?:/|[a-z][a-z0-9+.-]+:)", re.ASCII
)


class InvalidPatternError(ValueError):
    """The text is no pattern; the message says what is wrong with it."""


class Scope:
    """A set of patterns. It allows what at least one of them matches; an empty one allows nothing."""

    __slots__ = ("_exact", "_globs", "_trees", "globs")

    def __init__(self, globs: Sequence[Glob]) -> None:
        self.globs = tuple(globs)
        # Most patterns are trees or single names, which one look-up answers for all of them together.
        self._trees = tuple(glob.tree for glob in globs if glob.tree is not None)
        self._exact = frozenset(glob.name for glob in globs if glob.name is not None)
        self._globs = tuple(glob for glob in globs if glob.tree is None and glob.name is None)

    def allows(self, resource: Resource) -> bool:
        """Whether the resource is one of those that the patterns name."""
        key = resource.key
        return key.startswith(self._trees) or key in self._exact or any(glob.matches(key) for glob in self._globs)


def compile_scope(patterns: Sequence[str]) -> Scope:
    """The scope of these patterns. A broken one allows nothing; `validate_pattern` keeps them out beforehand."""
    globs = []
    for text in patterns:
        try:
            globs.append(parse_pattern(text))
        except InvalidPatternError:
            continue
    return Scope(globs)


def validate_pattern(text: str) -> list[str]:
    """What is wrong with the pattern, in sentences for the person who typed it; empty when it is fine."""
    try:
        parse_pattern(text)
    except InvalidPatternError as error:
        return [str(error)]
    return []


def parse_pattern(text: str) -> Glob:
    """The compiled pattern; raises `InvalidPatternError`."""
    _check_wildcards(text)
    host = _AUTHORITY.fullmatch(text)
    wildcard = ""
    closed = text.endswith(("/", "\\")) and not _DRIVE.fullmatch(text) and text != "/"
    body = text[:-1] if closed else text
    if host:
        wildcard, parent = _host_wildcard(host["host"])
        body = body.replace(host["host"], _LABEL + parent, 1)
    try:
        resource = normalize_resource(body.translate(_HIDE))
    except HostileResourceError as error:
        raise InvalidPatternError(error.reason.replace("The resource", "The pattern")) from None
    head, segments = _split_key(resource)
    if sum(map(_count_wildcards, segments)) != _count_wildcards(body):
        raise InvalidPatternError("A wildcard must stand in a host's first labels or in a segment.")
    if closed or (not segments and body.endswith(("/", "\\"))):
        segments.append(TREE)
    if any(TREE in segment and segment != TREE for segment in segments):
        raise InvalidPatternError("** stands alone between slashes; within a name write *.")
    return Glob(head.replace(_LABEL, "{}", 1), segments, wildcard=_HOST_LABELS[wildcard] if wildcard else "")


def _check_wildcards(text: str) -> None:
    if not text.strip():
        raise InvalidPatternError("The pattern is empty.")
    if len(text) > MAX_PATTERN:
        raise InvalidPatternError(f"The pattern is longer than {MAX_PATTERN} characters.")
    if _count_wildcards(text) > MAX_WILDCARDS:
        raise InvalidPatternError(f"The pattern has more than {MAX_WILDCARDS} wildcards.")
    if not text.strip("*?."):
        raise InvalidPatternError("Say what kind of resource is meant: /**, https://**/**, db:** or secret:**.")
    if "%" in text:
        raise InvalidPatternError("Write the character itself instead of its percent-encoding.")
    if _STAR in text or _ONE in text or _LABEL in text:
        raise InvalidPatternError("The pattern has a character or name that is reserved.")
    if text[:5].lower() == "file:":
        raise InvalidPatternError("Write the path itself instead of a file URL.")
    scheme, _, path = text.rpartition("://")
    parts = re.split(r"[/\\]", path)
    inner = parts[:-1] if parts[-1] == "" else parts
    start = 0 if scheme else (2 if text.startswith("\\\\") else 1)
    if any(part in {"", ".", ".."} for part in inner[start:]) or inner[:1] in (["."], [".."]):
        raise InvalidPatternError("A pattern must not hold empty segments, `.` or `..`.")
    if scheme and ("?" in path or "#" in path):
        raise InvalidPatternError("Patterns compare scheme, host, port and path: leave out ? and #.")


def _host_wildcard(host: str) -> tuple[str, str]:
    """The wildcard of a host and what must follow it: `**` and `.example.com`."""
    match = _HOST.fullmatch(host)
    if match is None:
        raise InvalidPatternError("In a host a wildcard stands for whole labels in front: https://*.example.com/**.")
    return match["wildcard"], match["parent"] or ""


def _split_key(resource: Resource) -> tuple[str, list[str]]:
    match = _HEAD.match(resource.key)
    assert match is not None
    rest = resource.key[match.end() :].removesuffix("/")
    return match[0], rest.translate(_SHOW).split("/") if rest else []


def _count_wildcards(text: str) -> int:
    return text.count("*") + text.count("?")
