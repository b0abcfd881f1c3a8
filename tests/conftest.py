"""One migrated database a worker. Tests commit, each in its own organization: nothing is rolled back or emptied."""

import pytest
from django.core.cache import cache
from django.db import connections


@pytest.fixture(scope="session", autouse=True)
def _database(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        connections.close_all()
        cache.close()
