"""What the documents name is there: files, and the requirements that tests prove."""

import re

import pytest

from aim.runtime.environment import CHECKOUT

DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
FILE = re.compile(r"(?<![\w/-])(?:(?:aim|accounts|agents|verification|tests|docs)/[\w./-]*\w\.(?:py|md|toml|sh|json))")
ANCHOR = re.compile(r'<a id="([\w.]+)"></a>')
MARK = re.compile(r"requirement\(([^)]*)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document):
    named = set(FILE.findall(document.read_text()))
    assert {name for name in named if not (CHECKOUT / name).exists()} == set()


def test_every_requirement_that_a_test_proves_is_in_the_guide():
    anchors = ANCHOR.findall((CHECKOUT / "docs" / "workflows.md").read_text())
    assert len(anchors) == len(set(anchors))
    proved = {
        name.lower()
        for test in (CHECKOUT / "tests").rglob("test_*.py")
        for marks in MARK.findall(test.read_text())
        for name in re.findall(r'"([A-Z]\w*\.?\d*)"', marks)
    }
    assert len(proved) > 10
    assert proved - set(anchors) == set()
