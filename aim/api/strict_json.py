"""JSON from strangers: everything that readers of JSON disagree about is refused, and every refusal names its place."""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import msgspec

from aim.canonical import LARGEST_INTEGER
from aim.errors import Problem


@dataclass(frozen=True, slots=True)
class JSONLimits:
    """What a body may hold: `size` in bytes, `keys` over all objects together, `items` over all arrays together."""

    size: int = 65_536
    depth: int = 16
    keys: int = 512
    items: int = 2_048


DEFAULT_LIMITS = JSONLimits()


class MalformedJSONError(ValueError):
    """The body is no JSON object that everybody reads alike."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


_MAX_PROBLEMS = 50
_LONGEST_NUMBER = 32
_LONGEST_NAME = 80
# A string, closed or not, or a bracket. The closing quote is optional so that no scan ever starts twice over the same
# bytes: the time is linear for any input.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_json(raw: bytes, *, limits: JSONLimits = DEFAULT_LIMITS) -> dict[str, Any]:
    """The object that the bytes stand for; raises `MalformedJSONError` with every problem found."""
    text = _bounded_text(raw, limits)
    try:
        parsed = _decoder.decode(text)
    except json.JSONDecodeError as error:
        _refuse("syntax", f"Not valid JSON: {_lowered(error.msg)} at line {error.lineno}, column {error.colno}.")
    walk = _Walk(limits)
    value = walk.read(parsed, "")
    if not isinstance(value, dict):
        _refuse("not_an_object", "The body must be a JSON object.")
    if walk.problems:
        raise MalformedJSONError(walk.problems)
    return value


def parse_fast(raw: bytes) -> dict[str, Any] | None:
    """What `parse_json` gives with the default limits, many times faster, or None where that is not certain.

    None says nothing about the body: the caller asks `parse_json`.
    """
    if not may_be_plain(raw):
        return None
    try:
        value = _decode_object(raw)
        # Without escapes each string costs two quotes. A name given twice leaves fewer strings than quotes.
        return value if 2 * count_strings(value) == raw.count(b'"') else None
    except (ValueError, RecursionError):
        return None


def may_be_plain(raw: bytes) -> bool:
    """Whether the body is small, shallow and without escapes, so that a quick reader may try it.

    Each bound is an upper one, cheap because it does not care what stands inside a string.
    """
    return (
        len(raw) <= DEFAULT_LIMITS.size
        and b"\\" not in raw
        and raw.count(b"{") + raw.count(b"[") <= DEFAULT_LIMITS.depth
        and raw.count(b'"') <= 2 * DEFAULT_LIMITS.keys
        and raw.count(b",") <= DEFAULT_LIMITS.items - DEFAULT_LIMITS.depth
    )


def hostile_text(text: str) -> str | None:
    """Why PostgreSQL or another reader would not take the text, or None when it is fine."""
    if "\0" in text:
        return "The character U+0000 is not allowed."
    if not text.isascii() and _has_surrogate(text):
        return "Half of a surrogate pair is not a character."
    return None


def shown_name(name: str) -> str:
    """A name from outside, short and printable, for a message."""
    if not name.isprintable():
        name = json.dumps(name)[1:-1]
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"


def path_of(parent: str, name: str | int) -> str:
    """`limits` and `ids` make `limits.ids`; `ids` and 2 make `ids[2]`."""
    if isinstance(name, int):
        return f"{parent}[{name}]"
    return f"{parent}.{shown_name(name)}" if parent else shown_name(name)


def _refuse(code: str, message: str) -> NoReturn:
    raise MalformedJSONError([Problem("", code, message)])


def _bounded_text(raw: bytes, limits: JSONLimits) -> str:
    if len(raw) > limits.size:
        _refuse("too_large", f"The body is larger than {limits.size} bytes.")
    if not raw.strip():
        _refuse("empty", "The body is empty; send a JSON object.")
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        _refuse("byte_order_mark", "The body starts with a byte order mark; send UTF-8 without one.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        _refuse("encoding", f"The body is not valid UTF-8 at byte {error.start}.")
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > limits.depth:
                _refuse("too_deep", f"The body is nested deeper than {limits.depth} levels.")
        elif mark in "]}":
            depth -= 1
    return text


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class _Members(list[tuple[str, Any]]):
    """An object as read, with the names that came twice."""


class _BadNumber(NamedTuple):
    message: str


def _read_integer(text: str) -> int | _BadNumber:
    # Python's int() takes quadratic time, so the length decides first.
    if len(text) <= _LONGEST_NUMBER and -LARGEST_INTEGER <= (number := int(text)) <= LARGEST_INTEGER:
        return number
    return _BadNumber("Integers beyond ±(2^53 - 1) are not exact in JSON; send text.")


def _read_float(text: str) -> float | _BadNumber:
    if len(text) > _LONGEST_NUMBER:
        return _BadNumber(f"Numbers have at most {_LONGEST_NUMBER} characters.")
    number = float(text)
    return number if number - number == 0 else _BadNumber("The number is out of range.")


def _read_constant(text: str) -> _BadNumber:
    return _BadNumber(f"{text} is not a JSON value.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_read_integer, parse_float=_read_float, parse_constant=_read_constant
)


class _Walk:
    """Turns what the decoder read into plain values and notes what is wrong with it, and where."""

    def __init__(self, limits: JSONLimits) -> None:
        self.limits = limits
        self.problems: list[Problem] = []
        self.keys = 0
        self.items = 0

    def read(self, value: Any, path: str) -> Any:
        if isinstance(value, _Members):
            return self.read_members(value, path)
        if isinstance(value, list):
            self.items += len(value)
            if self.items > self.limits.items:
                _refuse("too_many_items", f"The body has more than {self.limits.items} array items.")
            return [self.read(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, str):
            if reason := hostile_text(value):
                self.note(path, "character", reason)
        elif isinstance(value, _BadNumber):
            self.note(path, "number", value.message)
        return value

    def read_members(self, members: _Members, path: str) -> dict[str, Any]:
        self.keys += len(members)
        if self.keys > self.limits.keys:
            _refuse("too_many_keys", f"The body has more than {self.limits.keys} keys.")
        result: dict[str, Any] = {}
        for name, value in members:
            place = path_of(path, name)
            if reason := hostile_text(name):
                self.note(place, "character", reason)
            if name in result:
                self.note(place, "duplicate", f"Duplicate field: {place}")
            result[name] = self.read(value, place)
        return result

    def note(self, path: str, code: str, message: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(path, code, message))


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class _DubiousError(ValueError):
    pass


def count_strings(value: dict[str, Any] | list[Any]) -> int:
    """The strings in the value, names included; raises `ValueError` for a number that not everybody reads alike."""
    count = 0
    items: Any = value
    if type(value) is dict:
        count = len(value)
        items = value.values()
    for item in items:
        kind = type(item)
        if kind is str:
            count += 1
        elif kind is dict or kind is list:
            count += count_strings(item)
        elif kind is float or (kind is int and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER):
            raise _DubiousError
    return count
