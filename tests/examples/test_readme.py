"""The commands of the README, copied as they are into a shell, against the running product."""

import json
import re
import subprocess
import sys

import pytest

from aim.runtime.environment import CHECKOUT

PROMISE = (
    "A decision is answered only after it is durably committed on the primary database. "
    "If it cannot be recorded, the action is denied."
)
README = (CHECKOUT / "README.md").read_text()
FIRST_DECISION = re.compile(r"<!-- first decision -->\n```sh\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.slow
@pytest.mark.requirement("W2.7", "W2.8", "W4.1", "W4.3", "O.1")
def test_the_first_decision_works_as_it_is_written(product):
    commands = FIRST_DECISION.search(README)[1]
    assert len(commands.splitlines()) == 5
    # What differs here is the address and where Python lies; everything else is the README's.
    commands = commands.replace("http://127.0.0.1:8000", product.url).replace(".venv/bin/python", sys.executable)
    result = subprocess.run(
        ["sh", "-e"],
        input=commands,
        cwd=CHECKOUT,
        env=product.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    attested, decision = map(json.loads, result.stdout.splitlines())
    assert attested["status"] == "verified"
    assert attested["verification_method"] == "attestation"
    assert decision.keys() == {"approved", "status", "verification_id", "expires_at"}
    assert decision["approved"] is True


def test_the_promise_is_printed_word_for_word():
    assert PROMISE in README.replace("\n> ", " ")


@pytest.mark.parametrize("document", [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")], ids=lambda p: p.name)
def test_no_link_leads_nowhere(document):
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
