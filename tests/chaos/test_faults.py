"""Each fault in few tries; `make chaos` makes many."""

import pytest

from tests.chaos.plan import FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_no_invariant_is_broken(site, fault):
    outcome = fault.run(site, fault.few)
    assert outcome.tries > 0
    assert outcome.violations == []
