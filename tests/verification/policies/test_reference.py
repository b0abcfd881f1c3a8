"""The reference of the policy language is true: its files are read, and their tests pass."""

import re
from zoneinfo import ZoneInfo

import pytest

from aim.resources.patterns import compile_scope
from aim.runtime.environment import CHECKOUT
from verification.policies.cases import run_tests
from verification.policies.conditions.registry import CONDITIONS, Facts
from verification.policies.document import Document, Match
from verification.policies.terms import OPERATORS
from verification.policies.yaml_files import read_file

TEXT = (CHECKOUT / "docs/policies.md").read_text()
FILES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize("text", FILES)
def test_every_file_is_read_and_its_tests_pass(text):
    file = read_file(text)
    classes = {one.name: compile_scope(one.patterns) for one in file.data_classes}
    facts = Facts(zone=ZoneInfo("Europe/Berlin"), data_classes=classes)
    results = [result for document in file.policies for result in run_tests(document, facts)]
    assert results
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize(
    "word",
    [*OPERATORS, *CONDITIONS, *Match.__struct_fields__, *Document.__struct_fields__],
)
def test_every_word_of_the_language_is_explained(word):
    assert f"`{word}`" in TEXT or f"`{word}: " in TEXT
