"""What kind of a difference lies between two definitions of a tool, or in a new one. Pure: it reads and writes nothing.

Everything here comes from a server that may be hostile, and was written to be read by a model.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext, gettext_noop

Definition = Mapping[str, Any]


class Kind(StrEnum):
    """Kinds are stored: add, never rename."""

    WORDING = "wording"
    SCHEMA = "schema"
    REQUIRED_ARGUMENT = "required_argument"
    ANNOTATION = "annotation"
    ADDRESS = "address"
    INSTRUCTION = "instruction"
    HIDDEN_UNICODE = "hidden_unicode"
    RENAME = "rename"
    LOOK_ALIKE = "look_alike"
    NEW = "new"
    OTHER = "other"


SEVERITIES: Mapping[Kind, str] = {
    Kind.HIDDEN_UNICODE: "critical",
    Kind.INSTRUCTION: "critical",
    Kind.LOOK_ALIKE: "critical",
    Kind.REQUIRED_ARGUMENT: "high",
    Kind.ANNOTATION: "high",
    Kind.ADDRESS: "high",
    Kind.SCHEMA: "medium",
    Kind.RENAME: "medium",
    Kind.OTHER: "medium",
    Kind.WORDING: "low",
    Kind.NEW: "low",
}
_RANKS = ("critical", "high", "medium", "low")
WORDS: Mapping[Kind, str] = {
    Kind.WORDING: gettext_noop("its wording has changed"),
    Kind.SCHEMA: gettext_noop("its schema has changed"),
    Kind.REQUIRED_ARGUMENT: gettext_noop("it demands an argument more"),
    Kind.ANNOTATION: gettext_noop("it says otherwise what it does to the world"),
    Kind.ADDRESS: gettext_noop("it names an address that it did not name"),
    Kind.INSTRUCTION: gettext_noop("it gives instructions to the model"),
    Kind.HIDDEN_UNICODE: gettext_noop("it holds characters that nobody sees"),
    Kind.RENAME: gettext_noop("it is another tool under a new name"),
    Kind.LOOK_ALIKE: gettext_noop("its name looks like that of another server's tool"),
    Kind.NEW: gettext_noop("it is new"),
    Kind.OTHER: gettext_noop("it has changed"),
}

_SCHEMAS = ("inputSchema", "outputSchema")
_WORDING = ("description", "title")
_KNOWN = frozenset({"name", "annotations", *_SCHEMAS, *_WORDING})
_ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:)[^\s\"'<>)\]}]+", re.IGNORECASE)
# What is said to a model and not about a tool. Some of it is innocent: a person decides.
_INSTRUCTION = re.compile(
    r"""
    \b(?:ignore|disregard|forget|override)\b.{0,40}
        \b(?:previous|prior|above|earlier|other|all|any|instructions?|rules?)\b
    | \b(?:do\ not|don't|never|without)\b.{0,30}
        \b(?:tell|telling|mention|mentioning|inform|informing|reveal|show|notify)\b
    | \b(?:system|developer)\s+(?:prompt|message|instructions?)\b
    | <\s*/?\s*(?:important|system|instructions?|secret|assistant|user)\b
    | \b(?:before|after|when|whenever)\b.{0,30}\b(?:using|calling|invoking|running)\b.{0,60}
        \b(?:read|send|call|include|pass|fetch|copy)\b
    | \b(?:you|the\ (?:model|assistant|agent|llm))\s+(?:must|should|shall|need\ to|have\ to|are\ required\ to)\b
    | \b(?:always|first)\s+(?:call|use|invoke|run|read|send|include)\b
    | \.ssh\b | \bid_rsa\b | \.env\b
    | \b(?:api[\s_-]?keys?|passwords?|credentials?|secrets?)\b.{0,40}\b(?:send|include|pass|append|attach)\b
    | \b(?:send|include|pass|append|attach|exfiltrate)\b.{0,40}
        \b(?:api[\s_-]?keys?|passwords?|credentials?|secrets?|conversation|history)\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# Letters that are drawn alike, after NFKC and without case.
_ALIKE = str.maketrans(
    {
        **dict(zip("аеорсухіјѕԁһӏνοαικρτυχεв", "aeopcyxijsdhlvoaikptuxeb", strict=True)),
        **dict(zip("0135", "oles", strict=True)),
        "|": "l",
        "ı": "i",
        "ł": "l",
        "i": "l",
    }
)
_SEPARATORS = re.compile(r"[\W_]+")


def differences(before: Definition, after: Definition) -> list[Kind]:
    """The kinds of difference, most severe first; empty where there is none."""
    kinds: set[Kind] = set()
    if any(before.get(name) != after.get(name) for name in _WORDING):
        kinds.add(Kind.WORDING)
    if any(before.get(name) != after.get(name) for name in _SCHEMAS):
        kinds.add(Kind.SCHEMA)
    if set(_required(after)) - set(_required(before)):
        kinds.add(Kind.REQUIRED_ARGUMENT)
    if before.get("annotations") != after.get("annotations"):
        kinds.add(Kind.ANNOTATION)
    if any(before.get(name) != after.get(name) for name in {*before, *after} - _KNOWN):
        kinds.add(Kind.OTHER)
    old, new = list(_texts(before)), list(_texts(after))
    if set(_addresses(new)) - set(_addresses(old)):
        kinds.add(Kind.ADDRESS)
    if set(_instructions(new)) - set(_instructions(old)):
        kinds.add(Kind.INSTRUCTION)
    if set(_hidden(new)) - set(_hidden(old)):
        kinds.add(Kind.HIDDEN_UNICODE)
    return _sorted(kinds)


def traits_of_new(definition: Definition, others: Collection[str]) -> list[Kind]:
    """What is remarkable of a tool that nobody has seen before; `others` are the names of other servers' tools."""
    kinds = {Kind.NEW}
    texts = list(_texts(definition))
    if any(_instructions(texts)):
        kinds.add(Kind.INSTRUCTION)
    if any(_hidden(texts)):
        kinds.add(Kind.HIDDEN_UNICODE)
    if looks_like(str(definition.get("name", "")), others):
        kinds.add(Kind.LOOK_ALIKE)
    return _sorted(kinds)


def severity_of(kinds: Collection[Kind]) -> str:
    """critical, high, medium or low: that of the worst."""
    return min((SEVERITIES[kind] for kind in kinds), key=_RANKS.index, default="low")


def is_suspicious(kinds: Collection[Kind]) -> bool:
    return severity_of(kinds) == "critical"


def risk_of(definition: Definition, kinds: Collection[Kind]) -> str:
    """How much harm a call may do, by what the server says and what was found: low, medium, high or critical."""
    if is_suspicious(kinds):
        return "critical"
    hints = definition.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    if hints.get("destructiveHint") is True:
        return "high"
    return "low" if hints.get("readOnlyHint") is True else "medium"


def looks_like(name: str, others: Collection[str]) -> bool:
    """Whether the name could be taken for one of the others, without being it."""
    skeleton = _skeleton(name)
    return any(name != other and _skeleton(other) == skeleton for other in others)


def is_renamed(before: Definition, after: Definition) -> bool:
    """Whether only the name tells the two apart."""
    return {**before, "name": ""} == {**after, "name": ""} and before.get("name") != after.get("name")


def sentence_of(kinds: Collection[Kind]) -> str:
    """In the reader's language; `held_reason`, which decisions record, takes it in that of the ledger."""
    return "; ".join(gettext(WORDS[kind]) for kind in kinds)


def _sorted(kinds: Collection[Kind]) -> list[Kind]:
    return sorted(kinds, key=lambda kind: (_RANKS.index(SEVERITIES[kind]), kind.value))


def _required(definition: Definition) -> list[str]:
    schema = definition.get("inputSchema")
    required = schema.get("required") if isinstance(schema, dict) else None
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a definition, names of members among them: a model reads all of it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def _addresses(texts: list[str]) -> list[str]:
    return [found.group().rstrip(".,;") for text in texts for found in _ADDRESS.finditer(text)]


def _instructions(texts: list[str]) -> list[str]:
    return [" ".join(found.group().lower().split()) for text in texts for found in _INSTRUCTION.finditer(text)]


def _hidden(texts: list[str]) -> list[str]:
    """Characters without a shape: format, private use, unassigned, control but for usual line ends, fillers."""
    return [character for text in texts for character in text if _is_hidden(character)]


def _is_hidden(character: str) -> bool:
    if character in "\n\r\t" or (character.isascii() and character.isprintable()):
        return False
    return (
        unicodedata.category(character) in {"Cf", "Co", "Cn", "Cc", "Cs"}
        or character in "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _skeleton(name: str) -> str:
    folded = "".join(
        character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character)
    )
    return _SEPARATORS.sub("", folded.casefold().translate(_ALIKE).replace("rn", "m").replace("vv", "w"))
