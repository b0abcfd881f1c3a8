"""Whatever a superuser of the database does to the record, the audit finds it."""

from datetime import timedelta

import pytest

from aim.ledger.audit.seals import read_note
from aim.ledger.audit.walk import Audit
from aim.ledger.keys import verifier_keys
from aim.ledger.models import Leaf
from tests.aim.ledger.tampering import Tamperer, rolled_back
from tests.factories.seals import seal_now
from tests.verification.world import make_agent, make_organization

COUNT = 60


@pytest.fixture(scope="module")
def ledger():
    """A ledger of some hundred entries: its size as of a backup, and the checkpoint that was kept elsewhere."""
    _, admin = make_organization()
    agent = make_agent(admin, calls_per_hour=100_000)

    def decide(count):
        for number in range(count):
            agent.ask_natively(agent.body(resource=f"/app/{number}.json", parameters={"n": number}))
            agent.ask_natively(agent.body(resource=f"/etc/{number}"))

    decide(100)
    backup = seal_now()
    decide(50)
    seal_now()
    decide(5)
    return backup.size, read_note(seal_now().note, verifier_keys())


def audit(kept=None):
    return Audit(kept=kept, grace=timedelta(0)).run()


def test_honest_ledger_has_no_finding(ledger):
    summary = audit(ledger[1])
    assert summary.findings == []
    assert summary.size == summary.sealed == Leaf.objects.count()


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("seed", range(COUNT))
def test_tampering_is_found(ledger, seed):
    backup_size, kept = ledger
    with rolled_back():
        what = Tamperer(seed, backup_size=backup_size).run()
        assert audit(kept).findings, what
