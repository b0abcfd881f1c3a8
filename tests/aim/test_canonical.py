import hashlib
from enum import StrEnum
from uuid import uuid4

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.canonical import NotCanonicalError, canonical_json, digest

SAFE = 2**53 - 1
NAMES = st.text(st.characters(codec="utf-8"), max_size=6) | st.text("\ue000\U00010000a\ud7ff\uffff", max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_any_json_value_is_written_as_rfc8785_writes_it(value):
    assert canonical_json(value) == rfc8785.dumps(value)


def test_every_character_is_escaped_as_rfc8785_escapes_it():
    text = "".join(map(chr, [*range(0x300), 0x2028, 0x2029, 0xFFFF, 0x10000, 0x10FFFF]))
    assert canonical_json({text: text}) == rfc8785.dumps({text: text})


def test_the_example_of_rfc8785_section_3_2_3_is_sorted_by_utf16():
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew",
        "1": "One",
        "\U0001f600": "Emoji",
        "\x80": "Control",
        "\xf6": "Latin",
    }
    names = [name for _, name in sorted((canonical_json(value).index(text.encode()), text) for text in value.values())]
    assert names == ["Carriage Return", "One", "Control", "Latin", "Euro Sign", "Emoji", "Hebrew"]


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value", [Colour.RED, {Colour.RED: 1}, (1, 2), {"a": (True, None)}, [[]], {}, "", 0, -0.0, 1e21]
)
def test_values_beside_the_plain_ones_are_written_alike(value):
    assert canonical_json(value) == rfc8785.dumps(value)


def _deep():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (SAFE + 1, "write them as text"),
        ({"a": [-SAFE - 1]}, "write them as text"),
        (10**400, "write them as text"),
        (float("nan"), "NaN"),
        ([float("inf")], "Infinity"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 2}, "strings"),
        (b"x", "unsupported type"),
        ({"id": uuid4()}, "unsupported type"),
        ({1, 2}, "unsupported type"),
        (_deep(), "nested"),
    ],
    ids=lambda value: str(type(value)),
)
def test_what_json_cannot_say_is_refused_in_a_sentence(value, words):
    with pytest.raises(NotCanonicalError, match=words):
        canonical_json(value)


def test_the_digest_is_sha256_of_the_canonical_bytes():
    assert digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).digest()
