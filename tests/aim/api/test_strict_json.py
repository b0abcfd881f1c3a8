import gc
import json
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aim.api.strict_json import JSONLimits, MalformedJSONError, parse_fast, parse_json
from tests.factories.timing import assert_within

BODY = json.dumps(
    {
        "agent_id": "agt_" + "0" * 32,
        "action_type": "file_read",
        "resource": "/app/config/config.json",
        "context": {"user_id": "usr_123", "session_id": "sess_456", "timestamp": "2026-11-23T16:30:00Z"},
        "parameters": {"mode": "text", "lines": 100},
        "data": {"records": 0, "bytes": 0, "fields": [], "destination": None},
        "mcp_server": None,
        "tool": None,
    }
).encode()


def problems_of(raw, **limits):
    with pytest.raises(MalformedJSONError) as caught:
        parse_json(raw, limits=JSONLimits(**limits))
    return [(problem.field, problem.code) for problem in caught.value.problems]


def test_an_ordinary_body_is_read_alike_by_both_parsers():
    assert parse_fast(BODY) == parse_json(BODY) == json.loads(BODY)


@pytest.mark.requirement("W4.1", "E6")
@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (b"", [("", "empty")]),
        (b" \n ", [("", "empty")]),
        (b"[]", [("", "not_an_object")]),
        (b"null", [("", "not_an_object")]),
        (b'"x"', [("", "not_an_object")]),
        (b"NaN", [("", "not_an_object")]),
        (b"{", [("", "syntax")]),
        (b'{"a":1,}', [("", "syntax")]),
        (b"{'a':1}", [("", "syntax")]),
        (b'{"a":1}{}', [("", "syntax")]),
        (b'{"a":01}', [("", "syntax")]),
        (b'{"a":+1}', [("", "syntax")]),
        (b'{"a":.5}', [("", "syntax")]),
        (b'{"a":tru}', [("", "syntax")]),
        (b'{"a":/**/1}', [("", "syntax")]),
        (b'{"a":"\n"}', [("", "syntax")]),
        (b'{"a":"\\x41"}', [("", "syntax")]),
        (b'{"a":"\x00"}', [("", "syntax")]),
        (b"\x0c{}", [("", "syntax")]),
        (b"\xef\xbb\xbf{}", [("", "byte_order_mark")]),
        ('{"a":1}'.encode("utf-16"), [("", "byte_order_mark")]),
        (b'{"a":"\xff"}', [("", "encoding")]),
        (b'{"a":"\xc0\xaf"}', [("", "encoding")]),
        (b'{"a":"\xed\xa0\x80"}', [("", "encoding")]),
        (b'{"a":1,"a":2}', [("a", "duplicate")]),
        (b'{"a":1,"\\u0061":2}', [("a", "duplicate")]),
        (b'{"x":{"b":[{"a":1,"a":1}]}}', [("x.b[0].a", "duplicate")]),
        (b'{"a":NaN,"b":[Infinity,-Infinity]}', [("a", "number"), ("b[0]", "number"), ("b[1]", "number")]),
        (b'{"a":9007199254740992}', [("a", "number")]),
        (b'{"a":-9007199254740992}', [("a", "number")]),
        (b'{"a":1e400,"b":-1e999}', [("a", "number"), ("b", "number")]),
        (b'{"a":"\\ud800"}', [("a", "character")]),
        (b'{"a":"\\udc00\\ud800"}', [("a", "character")]),
        (b'{"a":["x","\\u0000"]}', [("a[1]", "character")]),
        (b'{"\\u0000":1}', [("\\u0000", "character")]),
        (b'{"\\ud800":1}', [("\\ud800", "character")]),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", [("", "too_deep")]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_each_dubious_body_is_refused_with_its_place(raw, problems):
    assert problems_of(raw) == problems
    assert parse_fast(raw) is None


def test_every_message_is_a_sentence_that_can_be_sent():
    with pytest.raises(MalformedJSONError) as caught:
        parse_json(b'{"\\ud800\\u202e' + b"x" * 500 + b'":1e999, "a":1, "a":2}')
    for problem in caught.value.problems:
        assert (problem.field + problem.message).encode()
        assert len(problem.field) < 100
        assert "\u202e" not in problem.field
    assert caught.value.problems[-1].message == "Duplicate field: a"


def test_limits_are_exact():
    assert parse_json(b'{"a":[{}]}', limits=JSONLimits(size=10, depth=3, keys=1, items=1))
    assert problems_of(b'{"a":[{}]}', size=9) == [("", "too_large")]
    assert problems_of(b'{"a":[{}]}', depth=2) == [("", "too_deep")]
    assert problems_of(b'{"a":1,"b":2}', keys=1) == [("", "too_many_keys")]
    assert problems_of(b'{"a":[1,2]}', items=1) == [("", "too_many_items")]
    assert parse_json(b'{"a":"[[[[{{{{\\"[[["}', limits=JSONLimits(depth=1))


HOSTILE = {
    "10 MB": b'{"a":"' + b"x" * 10_000_000 + b'"}',
    "deep": b"[" * 100_000,
    "deep within the size": b"[" * 65_000,
    "deep objects": b'{"a":' * 13_000,
    "many keys": b"{" + b",".join(b'"%d":1' % number for number in range(100_000)) + b"}",
    "many keys within the size": b"{" + b",".join(b'"%d":1' % number for number in range(6_000)) + b"}",
    "many items": b'{"a":[' + b"1," * 32_000 + b"1]}",
    "many empty arrays": b'{"a":[' + b"[]," * 21_000 + b"1]}",
    "long integer": b'{"a":' + b"9" * 5_000 + b"}",
    "longest integer": b'{"a":' + b"9" * 65_000 + b"}",
    "long fraction": b'{"a":0.' + b"1" * 65_000 + b"}",
    "long exponent": b'{"a":1e' + b"9" * 65_000 + b"}",
    "open string of escapes": b'{"a":"' + b'\\"' * 32_000,
    "many quotes": b'"' * 65_000,
    "backslashes": b'{"a":"' + b"\\" * 65_001,
    "spaces": b" " * 65_536,
    "surrogates": b'{"a":["' + b'\\ud800","' * 2_000 + b'"]}',
    "duplicates": b"{" + b'"a":1,' * 500 + b'"a":1}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_answered_at_once_and_keep_no_memory(name):
    raw = HOSTILE[name]
    assert parse_fast(raw) is None
    assert_within(0.1, lambda: problems_of(raw), clock=time.thread_time)
    gc.collect()
    tracemalloc.start()
    problems_of(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


TEXTS = st.text(st.sampled_from('ab"\\\x00é\ud800😀{}[],:'), max_size=4)
PIECES = st.sampled_from(
    [
        '"a"',
        '"b"',
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "1",
        "1.5",
        "-0",
        "1e3",
        "9007199254740992",
        "9007199254740991",
        "NaN",
        "Infinity",
        "null",
        "true",
        " ",
        "\n",
        '"\\u0061"',
        '"\\ud800"',
        '"\\u0000"',
        '"é"',
        "\x00",
        "\ufeff",
        '"',
        "\\",
    ]
)
NOISE = st.lists(PIECES, max_size=14).map("".join)
MEMBERS = st.recursive(
    st.sampled_from(["1", "null", "true", '"x"', '"\\n"', "1.5", "-0", "9007199254740992", '"é"', "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"b"', '"\\u0061"', '"c"']), inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name}:{value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)


@given((NOISE | MEMBERS | MEMBERS.map(lambda value: f'{{"a":{value}}}')).map(str.encode) | st.binary(max_size=30))
@settings(max_examples=500, deadline=None)
@example(b'{"a":"","a":""}')
@example(b'{"a":{"b":1},"a":{"b":1}}')
@example(b"{" * 17)
def test_the_fast_parser_never_differs_from_the_strict_one(raw):
    fast = parse_fast(raw)
    try:
        strict = parse_json(raw)
    except MalformedJSONError:
        assert fast is None
    else:
        assert fast is None or repr(fast) == repr(strict)


@given(st.dictionaries(TEXTS, TEXTS | st.integers(-5, 5) | st.lists(TEXTS, max_size=2), max_size=4))
@settings(max_examples=200, deadline=None)
def test_written_values_come_back_or_are_refused_for_their_characters(value):
    raw = json.dumps(value).encode()
    hostile = "\\u0000" in raw.decode() or any("\ud800" in text for text in _texts(value))
    if hostile:
        assert {code for _, code in problems_of(raw)} == {"character"}
    else:
        assert parse_json(raw) == value


def _texts(value):
    for name, item in value.items():
        yield name
        yield from [item] if isinstance(item, str) else item if isinstance(item, list) else []
