"""Strict reading of the two dictionaries of a message signature and of Content-Digest (RFC 8941 section 3.2).

The patterns use possessive repetition only, so that hostile text costs linear time. Where RFC 8941 lets a later member
of the same name win, a repeated name is an error here: two readers must not see two different signatures.
"""

import re
from typing import Final

_KEY = r"[a-z*][a-z0-9_\-.*]*+"
_STRING = r'"[ !#-\[\]-~]*+(?:\\["\\][ !#-\[\]-~]*+)*+"'
_BYTES = r":[A-Za-z0-9+/]*+={0,2}+:"
_BARE = (
    rf"(?:{_STRING}|-?[0-9]{{1,15}}+(?:\.[0-9]{{1,3}}+)?+|@-?[0-9]{{1,15}}+|{_BYTES}|\?[01]"
    r"|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+)"
)
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_BARE})?+)*+"
_ITEMS = rf"(?:{_BARE}{_PARAMETERS}(?: ++{_BARE}{_PARAMETERS})*+)?+"

_INNER_LIST_MEMBER = re.compile(rf"({_KEY})=(\( *+({_ITEMS}) *+\)({_PARAMETERS}))")
_BYTES_MEMBER = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*+={{0,2}}+):")
_PARAMETER = re.compile(rf"; *+({_KEY})(?:=({_BARE}))?+")
_COMMA = re.compile(r"[ \t]*+,[ \t]*+")

#: A member of Signature-Input: its text after the label, the text between the parentheses, its parameters' text.
InnerList = tuple[str, str, str]
MAX_FIELD_BYTES: Final = 4096


class MalformedFieldError(ValueError):
    """The field's value is not of the expected form."""


def field_text(values: list[bytes]) -> str:
    """The lines of one field combined (RFC 9110 section 5.3) as ASCII text of bounded length."""
    combined = values[0] if len(values) == 1 else b", ".join(values)
    if len(combined) > MAX_FIELD_BYTES:
        raise MalformedFieldError(f"is longer than {MAX_FIELD_BYTES} bytes")
    try:
        return combined.decode("ascii").strip(" \t")
    except UnicodeDecodeError:
        raise MalformedFieldError("has characters outside ASCII") from None


def read_inner_lists(text: str) -> dict[str, InnerList]:
    """The members of a dictionary of inner lists, by label."""
    return {match[1]: (match[2], match[3], match[4]) for match in _members(_INNER_LIST_MEMBER, text)}


def read_byte_sequences(text: str) -> dict[str, str]:
    """The members of a dictionary of byte sequences, by name, still in base64."""
    return {match[1]: match[2] for match in _members(_BYTES_MEMBER, text)}


def read_parameters(text: str) -> dict[str, str]:
    """Parameters by name with their values as written; a name without value has an empty one.

    `text` is the parameters' part of an `InnerList`, so its form is known to be good.
    """
    pairs = _PARAMETER.findall(text)
    parameters: dict[str, str] = dict(pairs)
    if len(parameters) != len(pairs):
        raise MalformedFieldError("repeats a parameter")
    return parameters


def _members(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    members, names, offset = [], set(), 0
    while True:
        match = pattern.match(text, offset)
        if match is None:
            raise MalformedFieldError("is malformed")
        members.append(match)
        names.add(match[1])
        offset = match.end()
        if offset == len(text):
            break
        comma = _COMMA.match(text, offset)
        if comma is None:
            raise MalformedFieldError("is malformed")
        offset = comma.end()
    if len(names) != len(members):
        raise MalformedFieldError("repeats a name")
    return members
