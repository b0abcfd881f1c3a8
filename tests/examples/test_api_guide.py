"""The guide to the API says of each code, kind of id and address what the code says."""

import re

import pytest

from aim.ids import IdKind
from aim.runtime.environment import CHECKOUT
from verification.codes import MEANINGS, Code

GUIDE = (CHECKOUT / "docs" / "api.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (yes|no) \| ([^|]+) \|$", re.MULTILINE)
INTERNAL = {IdKind.MEMBERSHIP}


@pytest.mark.requirement("W4.3")
def test_every_code_is_explained_and_no_other():
    rows = {code: (int(status), again == "yes") for code, status, again, _ in ROW.findall(GUIDE)}
    assert rows == {code.value: (MEANINGS[code].http_status, MEANINGS[code].retryable) for code in Code}


def test_every_kind_of_id_is_named():
    assert {kind for kind in IdKind if f"`{kind}_`" not in GUIDE} == INTERNAL


def test_every_address_of_the_guide_is_published(product):
    published = {re.sub(r"\{\w+\}", "{}", path) for path in product.get("/api/v1/schema?format=json")["paths"]}
    named = re.findall(r"`(?:GET|POST|PATCH|DELETE)(?:\|(?:POST|PATCH|DELETE))* (/[\w/{}-]+)", GUIDE)
    assert len(named) >= 15
    unknown = {path for path in named if "/api/v1" + re.sub(r"\{\w+\}", "{}", path) not in published}
    assert unknown == set()
