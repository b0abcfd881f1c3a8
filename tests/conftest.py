"""One migrated database a worker. Tests commit, each in its own organization: nothing is rolled back or emptied."""

from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from aim.outbound.places import allowed_networks
from tests.factories.databases import drop_template
from tests.factories.identity_provider import running_identity_provider
from verification.engine import shut_down_engine_thread

_BROWSER_TESTS = Path(__file__).parent / "e2e"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The tests that drive a browser come last, whatever the order in which the others were shuffled.

    From the first of them on Playwright's event loop runs in the worker's thread, and a product beside them sequences
    the ledger of the worker's database on its own: both would change what the other tests see.
    """
    items.sort(key=lambda item: item.path.is_relative_to(_BROWSER_TESTS))


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """pytest-django's own creates databases only for tests with its mark, which would roll them back."""
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(created, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _database(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        shut_down_engine_thread()
        drop_template()
        # Threads of servers that tests have run in this process keep connections of their own.
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connections.close_all()
        cache.close()


@pytest.fixture(scope="session")
def identity_provider():
    """One for all tests of a worker: the settings name its address."""
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture
def loopback(settings):
    """The operator has named the loopback networks, where the tests' own servers listen."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    allowed_networks.cache_clear()
    yield
    allowed_networks.cache_clear()
