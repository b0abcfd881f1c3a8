"""The sheet of states shows every component: a new one that is not on it fails here."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import signed_in_browser

TEMPLATES = Path(settings.BASE_DIR) / "templates"
COMPONENTS = {path.stem for path in (TEMPLATES / "components").glob("*.html")}
_COMPONENT = re.compile(r'<c-([a-z_-]+)|\{% kept "([a-z_-]+)"')
_INCLUDED = re.compile(r'\{% (?:include|extends|kept_include) "([^"]+)"')


def drawn_by(template):
    """The components and templates that a template names, by the paths of their files."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    names = {(one or other).replace("-", "_") for one, other in _COMPONENT.findall(text)}
    return {f"components/{name}.html" for name in names & COMPONENTS} | set(_INCLUDED.findall(text))


def test_every_component_is_on_the_sheet():
    found, left = set(), {"console/design.html"}
    while left:
        template = left.pop()
        found.add(template)
        left |= drawn_by(template) - found
    shown = {Path(template).stem for template in found if template.startswith("components/")}
    assert sorted(COMPONENTS - shown) == []


@pytest.mark.usefixtures("_database")
def test_the_sheet_is_drawn():
    page = signed_in_browser(make_person(make_organization())).get(reverse("design")).content.decode()
    for words in ("Sheet of states", "Suspend now", "Rotating", "This field is required", "37 new", "Anomaly scores"):
        assert words in page, words
