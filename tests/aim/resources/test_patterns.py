import fnmatch
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.resources.patterns import compile_scope, validate_pattern
from aim.resources.resource import normalize_resource
from tests.factories.timing import assert_within


def allows(pattern, text):
    return compile_scope([pattern]).allows(normalize_resource(text))


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("/app/", ["/app", "/app/x", "/app/x/y"], ["/apple", "/"]),
        ("/app/**", ["/app", "/app/x", "/app/x/y"], ["/apple", "/"]),
        ("/app", ["/app", "/app/"], ["/app/x"]),
        ("/", ["/", "/x/y"], ["C:\\x", "~/x", "\\\\server\\share", "https://x/"]),
        ("/**", ["/", "/x/y"], ["C:\\x", "\\\\server\\share"]),
        ("/app/*", ["/app/x"], ["/app", "/app/x/y"]),
        ("/app/*.json", ["/app/a.json", "/app/.json"], ["/app/a.json5", "/app/a/b.json"]),
        ("/app/*a*b*c", ["/app/abc", "/app/xaxbxc", "/app/aabbcc"], ["/app/acb", "/app/abcx"]),
        ("/app/file?.txt", ["/app/file1.txt"], ["/app/file.txt", "/app/file12.txt"]),
        (
            "/app/**/x.json",
            ["/app/x.json", "/app/a/x.json", "/app/a/b/x.json", "/app/x.json/x.json"],
            ["/app/x.json/y"],
        ),
        ("/**/.ssh/**", ["/.ssh", "/home/bob/.ssh/id"], ["/home/bob/ssh/id"]),
        ("/a/**/b/**/c", ["/a/b/c", "/a/x/b/b/y/c"], ["/a/c/b", "/a/b", "/b/c"]),
        ("~/", ["~", "~/x"], ["~bob/x", "/x"]),
        ("C:\\Data\\**", ["c:/data/x", "C:\\DATA"], ["d:/data/x", "/data/x"]),
        ("\\\\srv\\share\\**", ["\\\\SRV\\share\\x"], ["\\\\other\\share\\x", "/srv/share/x"]),
        (
            "https://api.example.com/",
            ["https://api.example.com", "https://api.example.com/x"],
            ["http://api.example.com/x"],
        ),
        ("https://api.example.com", ["https://api.example.com/"], ["https://api.example.com/x"]),
        (
            "https://*.example.com/**",
            ["https://a.example.com/x"],
            ["https://a.b.example.com/x", "https://example.com/x"],
        ),
        ("https://**.example.com/**", ["https://a.b.example.com/x"], ["https://example.com/", "https://xexample.com/"]),
        ("https://**/**", ["https://a.b.c/x"], ["https://a.b.c:1/x", "http://a/"]),
        ("https://*.example.com:8443/v1/*", ["https://a.example.com:8443/v1/x"], ["https://a.example.com/v1/x"]),
        ("sales.*", ["sales.customers", "db:SALES.x"], ["sales.a.b", "postgres://h/sales/x"]),
        ("*.customers", ["sales.customers"], ["sales.orders"]),
        ("db:**", ["sales.customers", "db:x"], ["postgres://h/sales/x", "secret:x"]),
        ("postgres://*.internal/crm/**", ["postgres://a.internal/crm/public.x"], ["postgres://a.b.internal/crm/x"]),
        ("secret:prod/*", ["secret:prod/db"], ["secret:test/db", "secret:prod/a/b"]),
        ("secret:**", ["secret:a", "secret:a/b"], ["secrets:a", "a"]),
        (
            "*@example.com",
            ["mailto:bob@example.com", "bob@EXAMPLE.com"],
            ["bob@evil.example", "bob@example.com.evil.example"],
        ),
        ("team/*", ["team/a"], ["secret:team/a", "/team/a"]),
        ("mcp://files/read_*", ["mcp://files/read_file"], ["mcp://files/write_file"]),
    ],
)
@pytest.mark.requirement("W2.5")
def test_what_patterns_mean(pattern, inside, outside):
    assert validate_pattern(pattern) == []
    assert [text for text in inside if not allows(pattern, text)] == []
    assert [text for text in outside if allows(pattern, text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        " ",
        "*",
        "**",
        "?",
        "/app/../x",
        "/app//x",
        "/app/./x",
        "/app/a**",
        "/app/***",
        "https://a*.example.com/",
        "*://x/**",
        "https://*.*.com/",
        "https://x/?a=*",
        "https://user@x/**",
        "/app/%2e",
        "/app/x\u0000",
        "/app/\u202e",
        "file:///app/**",
        "./x",
        "../x",
        "/" + "a" * 600,
        "/" + "*a" * 41,
        "\ua500",
        "https://aim-any-label/",
        "//x/**",
        "mailto:*@*.example.com",
        "/app/x.",
        "db:",
        "javascript:*",
    ],
)
def test_broken_patterns_are_named_and_allow_nothing(pattern):
    assert validate_pattern(pattern) != []
    assert not allows(pattern, "/app/x")


def test_an_empty_scope_allows_nothing():
    assert not compile_scope([]).allows(normalize_resource("/"))


def test_one_broken_pattern_does_not_widen_or_break_the_others():
    scope = compile_scope(["**", "/app/**"])
    assert scope.allows(normalize_resource("/app/x"))
    assert not scope.allows(normalize_resource("/etc/x"))


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_segment_is_matched_as_the_standard_library_matches_it(glob, name):
    if not validate_pattern(f"/x/{glob}") and glob != "**":
        assert allows(f"/x/{glob}", f"/x/{name}") == fnmatch.fnmatchcase(name, glob)


def reference(pieces, segments):
    """The definition, written without regard to time."""
    if not pieces:
        return not segments
    if pieces[0] == "**":
        return any(reference(pieces[1:], segments[start:]) for start in range(len(segments) + 1))
    return bool(segments) and fnmatch.fnmatchcase(segments[0], pieces[0]) and reference(pieces[1:], segments[1:])


@given(
    st.lists(st.sampled_from(["**", "a", "b", "*", "a*"]), min_size=1, max_size=7),
    st.lists(st.sampled_from(["a", "b", "ab"]), max_size=7),
)
@settings(max_examples=300, deadline=None)
def test_trees_are_matched_as_they_are_defined(pieces, segments):
    pattern = "/" + "/".join(pieces)
    assert allows(pattern, "/" + "/".join(segments)) == reference(pieces, segments)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("/" + "*a" * 16, "/" + "a" * 4000 + "b"),
        ("/" + "a*" * 15 + "b", "/" + "a" * 4000),
        ("/" + "*?" * 8 + "b", "/" + "a" * 4000),
        ("/" + "**/a/" * 16 + "b", "/a" * 120),
        ("/" + "**/*a*/" * 5 + "b", "/aaaaaaaaaaaaaaaaaaaaaa" * 120),
        ("https://**.example.com/", "https://" + "a." * 120 + "example.org"),
    ],
)
def test_no_pattern_makes_matching_slow(pattern, text):
    assert validate_pattern(pattern) == []
    assert not allows(pattern, text)
    assert_within(0.1, lambda: allows(pattern, text), clock=time.thread_time)
