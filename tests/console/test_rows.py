"""Rows that are drawn once and filled in: each with its own values, escaped, and nothing of them is read as markup."""

import pytest
from django.template import Context, Engine
from django.utils.safestring import SafeString

from aim.console.rows import begin

HOSTILE = "<script>alert('1')</script>\" onload=\"x"


def drawn(source, cells, **values):
    return Engine.get_default().from_string(source).render(Context({"cells": cells, **values}))


def test_each_row_has_its_own_values():
    source = (
        "{% rows cells %}<tr>{% if wide %}<td>{{ cell.a }}</td>{% endif %}"
        '{% where "b" %}<td>{{ cell.b }}{% where "a" %}!{% endwhere %}</td>{% endwhere %}</tr>{% endrows %}'
    )
    cells = [{"a": 1, "b": "x"}, {"a": 0, "b": "y"}, {"a": "z", "b": ""}]
    assert drawn(source, cells, wide=True) == (
        "<tr><td>1</td><td>x!</td></tr><tr><td>0</td><td>y</td></tr><tr><td>z</td></tr>"
    )
    assert drawn(source, iter(cells[:1]), wide=False) == "<tr><td>x!</td></tr>"
    assert drawn(source, []) == ""


def test_values_are_escaped_unless_they_are_markup():
    source = '{% rows cells %}<i title="{{ cell.text }}">{{ cell.text }}{{ cell.markup }}</i>{% endrows %}'
    page = drawn(source, [{"text": HOSTILE, "markup": SafeString("<b>1</b>")}])
    assert "<b>1</b>" in page
    assert "<script>" not in page
    assert '" onload' not in page


def test_what_somebody_wrote_is_never_read_as_a_mark():
    """Characters as they stand for the values may be in an agent's name."""
    source = "{% rows cells %}[{{ cell.name }}|{{ cell.secret }}]{% endrows %}"
    mark = "\ue000=secret\ue001"
    assert drawn(source, [{"name": mark, "secret": "s"}]) == f"[{mark}|s]"


def test_a_name_that_no_cell_can_have_is_refused():
    with pytest.raises(ValueError, match="no name of a cell"):
        begin("not a name")
    with pytest.raises(KeyError):
        drawn("{% rows cells %}{{ cell.missing }}{% endrows %}", [{"name": 1}])
