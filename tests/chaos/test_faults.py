"""Each fault in few tries; `make chaos` makes many."""

import os

import pytest

from tests.chaos.faults.database import restart_unnoticed
from tests.chaos.faults.tampering import tamper
from tests.chaos.plan import FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TRIED = [
    pytest.param(fault, marks=[pytest.mark.alone] if fault.alone else [], id=fault.name)
    for fault in FAULTS
    # What tampering runs is a suite by itself: `make test` runs it with the others, these few tamperings and more.
    if fault.attempt is not tamper
]


@pytest.mark.parametrize("fault", TRIED)
def test_no_invariant_is_broken(site, fault):
    hindrance = fault.hindrance()
    if hindrance is not None and "CI" not in os.environ:
        pytest.skip(hindrance)
    outcome = fault.run(site, fault.few)
    assert outcome.tries > 0
    assert outcome.violations == []


@pytest.mark.alone
def test_nobody_is_refused_after_a_quiet_restart_of_the_database(site):
    assert restart_unnoticed(site, tries=1).violations == []
