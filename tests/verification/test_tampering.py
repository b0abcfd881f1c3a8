"""Whatever a superuser of the database does to the record, the audit finds it."""

import os

import pytest

from aim.ledger.models import Leaf
from tests.factories.databases import own_database
from tests.verification.tampering import Tamperer, audit, make_ledger, rolled_back

COUNT = int(os.environ.get("AIM_TAMPERINGS", "60"))


@pytest.fixture(scope="module")
def ledger():
    """The size of some ledger as of a backup, and the checkpoint that was kept elsewhere."""
    with own_database():
        yield make_ledger()


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
