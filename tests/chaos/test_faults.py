"""Each fault in few tries; `make chaos` makes many."""

import os

import pytest

from tests.chaos.faults.database import restart_unnoticed
from tests.chaos.plan import FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_no_invariant_is_broken(site, fault):
    hindrance = fault.hindrance()
    if hindrance is not None and "CI" not in os.environ:
        pytest.skip(hindrance)
    outcome = fault.run(site, fault.few)
    assert outcome.tries > 0
    assert outcome.violations == []


def test_nobody_is_refused_after_a_quiet_restart_of_the_database(site):
    assert restart_unnoticed(site, tries=1).violations == []
