"""What has changed in a tool's definition, word by word. The text is hostile: what cannot be seen is made visible."""

import difflib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
MOST_CHARACTERS = 20_000
_ORDER = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True)
class Piece:
    """`kind` is same, gone or new."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FieldDiff:
    field: str
    pieces: list[Piece]


def visible(text: str) -> str:
    """The text with whatever shows nothing, or turns the reading direction, as its code point: ‹U+200B›."""
    shown = []
    for character in text:
        if character in "\n\t":
            shown.append(character)
        elif unicodedata.category(character) in {"Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp"}:
            shown.append(f"‹U+{ord(character):04X}›")
        else:
            shown.append(character)
    return "".join(shown)


def field_text(value: Any) -> str:
    """A part of a definition as it is read: text as it is, anything else as indented JSON with sorted keys."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    return visible(text[:MOST_CHARACTERS])


def definition_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldDiff]:
    """The fields that differ, the known ones first."""
    names = [*(name for name in _ORDER if name in before or name in after)]
    names += sorted((before.keys() | after.keys()) - set(names))
    return [
        FieldDiff(visible(str(name)), word_diff(_text(before, name), _text(after, name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def word_diff(before: str, after: str) -> list[Piece]:
    """Pieces that, without the gone ones, are `after`, and without the new ones `before`."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    pieces: list[Piece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(old[a:b])))
            continue
        if b > a:
            pieces.append(Piece("gone", "".join(old[a:b])))
        if d > c:
            pieces.append(Piece("new", "".join(new[c:d])))
    return pieces


def _text(definition: Mapping[str, Any], name: str) -> str:
    return field_text(definition[name]) if name in definition else ""
