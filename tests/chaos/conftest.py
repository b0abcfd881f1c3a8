"""One installation a worker, made when the first test needs it, and gone after the last."""

import pytest

from tests.chaos.installation import Installation
from tests.chaos.plan import USUAL_PROCESSES


@pytest.fixture(scope="package")
def site():
    installation = Installation()
    try:
        installation.start(processes=USUAL_PROCESSES)
        yield installation
    finally:
        installation.stop()
