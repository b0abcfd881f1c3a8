import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp.registration_form import url_with_port
from mcp.wording import definition_diff, visible, word_diff


@given(st.text(max_size=60), st.text(max_size=60))
def test_without_the_gone_a_diff_is_the_new_text_and_without_the_new_the_old(before, after):
    pieces = word_diff(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == after


@pytest.mark.requirement("W6.8")
def test_characters_that_show_nothing_are_made_visible():
    assert visible("a\u200bb\u202ec\u00ad\ue0001") == "a‹U+200B›b‹U+202E›c‹U+00AD›‹U+E000›1"
    assert visible("tag \U000e0041") == "tag ‹U+E0041›"
    assert visible("Zoë ✓\n\t日本") == "Zoë ✓\n\t日本"


@pytest.mark.requirement("W6.8")
def test_the_fields_that_differ_are_named_and_no_others():
    before = {"name": "a", "description": "x", "inputSchema": {"b": 1, "a": 2}, "vendor": 1}
    after = {"name": "a", "description": "y", "inputSchema": {"a": 2, "b": 1}, "annotations": {"readOnlyHint": True}}
    assert [row.field for row in definition_diff(before, after)] == ["description", "annotations", "vendor"]


@pytest.mark.parametrize(
    ("url", "port", "folded"),
    [
        ("https://mcp.company.com/a?b=1", None, "https://mcp.company.com/a?b=1"),
        ("https://mcp.company.com/a?b=1", 443, "https://mcp.company.com/a?b=1"),
        ("https://mcp.company.com/a?b=1", 8443, "https://mcp.company.com:8443/a?b=1"),
        ("https://mcp.company.com:9000/a", 8443, "https://mcp.company.com:8443/a"),
        ("https://mcp.company.com:9000/a", 443, "https://mcp.company.com/a"),
        ("https://[2001:db8::1]/a", 8443, "https://[2001:db8::1]:8443/a"),
        ("http://localhost/", 80, "http://localhost/"),
        ("no url", 8443, "no url"),
        ("https://[::1", 8443, "https://[::1"),
    ],
)
def test_the_port_beside_a_url_becomes_part_of_it(url, port, folded):
    assert url_with_port(url, port) == folded
