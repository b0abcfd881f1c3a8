import posixpath
import time
import tomllib
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.resources.patterns import compile_scope
from aim.resources.resource import HostileResourceError, ResourceKind, normalize_resource
from tests.factories.timing import assert_within

CASES = tomllib.loads((Path(__file__).parents[2] / "verification" / "cases" / "resources.toml").read_text("utf-8"))


def judge(scope, text):
    try:
        resource = normalize_resource(text)
    except HostileResourceError as error:
        return "refused" if error.reason.endswith(".") else error.reason
    return "allowed" if compile_scope(scope).allows(resource) else "outside"


@pytest.mark.requirement("W4.2")
@pytest.mark.parametrize("group", CASES["group"], ids=lambda group: group["name"])
def test_hostile_names_never_pass_a_scope(group):
    wrong = {text: judge(group["scope"], text) for text in group["resources"]}
    assert wrong == dict.fromkeys(group["resources"], group["expected"])


def test_the_list_of_hostile_names_is_long():
    refused = [text for group in CASES["group"] if group["expected"] != "allowed" for text in group["resources"]]
    assert len(set(refused)) > 250


@pytest.mark.parametrize(
    ("text", "kind", "shown", "host"),
    [
        ("/app//x/../y", ResourceKind.PATH, "/app/y", ""),
        ("/", ResourceKind.PATH, "/", ""),
        ("~bob/x", ResourceKind.PATH, "~bob/x", ""),
        (r"C:\Temp\X", ResourceKind.PATH, "c:/temp/x", ""),
        (r"\\SERVER\Share\x", ResourceKind.PATH, r"\\server/share/x", ""),
        ("HTTP://Example.COM:80/a/?q=1#f", ResourceKind.URL, "http://example.com/a?q=1", "example.com"),
        ("https://b\u00fccher.example", ResourceKind.URL, "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://[0:0::1]:8443/x", ResourceKind.URL, "https://[::1]:8443/x", "[::1]"),
        ("mcp://Files/read_file", ResourceKind.URL, "mcp://files/read_file", "files"),
        ("Postgresql://DB/Sales/public.users", ResourceKind.DATABASE, "postgres://db/sales.public.users", "db"),
        ("Sales.Customers", ResourceKind.DATABASE, "sales.customers", ""),
        ("Bob@Example.com", ResourceKind.NAME, "mailto:bob@example.com", "example.com"),
        ("secret:prod/db", ResourceKind.NAME, "secret:prod/db", ""),
        ("customers", ResourceKind.NAME, "customers", ""),
    ],
)
def test_normal_forms(text, kind, shown, host):
    resource = normalize_resource(text)
    assert (resource.kind, resource.text, resource.host) == (kind, shown, host)


PATH_LIKE = st.text(st.sampled_from("/\\.%:~ ab2eEfF5cC@?#*;[]\u00e9\uff0e\u2044\u200b\x00")) | st.text()


@given(PATH_LIKE)
@settings(max_examples=300, deadline=None)
def test_normalizing_any_text_answers_or_refuses_and_a_second_time_changes_nothing(text):
    try:
        first = normalize_resource(text)
    except HostileResourceError:
        return
    if first.kind is ResourceKind.NAME or "%" in first.text or first.text.startswith("\\"):
        return
    again = normalize_resource(first.text)
    assert again.kind == first.kind
    assert again.key == first.key


PARTS = st.sampled_from(["..", ".", "", "a", "app", "%2e%2e", "..;", "...", "\uff0e\uff0e", "x ", "a%20b", "..%2f"])


@given(st.lists(PARTS, max_size=6), st.sampled_from(["/app/", "/", "/x/../app/"]))
@settings(max_examples=400, deadline=None)
def test_a_tree_allows_nothing_that_a_decoding_reader_finds_outside(parts, start):
    text = start + "/".join(parts)
    if judge(["/app/**"], text) == "allowed":
        for reading in [text, unquote(text), unquote(unquote(text)), normalize("NFKC", unquote(text))]:
            assert (posixpath.normpath(reading) + "/").startswith("/app/")


@pytest.mark.parametrize(
    "text",
    [
        "/" + "a" * 4095,
        "/" + "." * 4000,
        "/a" * 2000,
        "/" + "a." * 2000,
        "%2e" * 1300,
        "https://" + "a." * 2000,
        "a" * 10**7,
        "a." * 2000,
        "/" + " " * 4000 + "/",
        "xn--" * 500,
        "https://[" + ":" * 4000,
        "\u0301" * 4000,
    ],
    ids=lambda text: text[:8],
)
def test_long_names_are_answered_at_once(text):
    assert_within(0.05, lambda: judge(["/app/**"], text), clock=time.thread_time)
