"""One migrated database a worker. Tests commit, each in its own organization: nothing is rolled back or emptied."""

from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck, settings

from aim.outbound.places import allowed_networks
from tests.examples.product import running_product
from tests.factories.databases import drop_template, first_template, make_template, own_database
from tests.factories.followers import skip_backlog
from tests.factories.identity_provider import running_identity_provider
from verification.engine import shut_down_engine_thread

# How long an example takes, or making one up, says something of the machine alone.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_HERE = Path(__file__).parent
_BROWSER_TESTS = _HERE / "e2e"
_OWN_INSTALLATION = _HERE / "chaos"
_CLIENT_TESTS = (_HERE / "verification" / "test_live.py", _HERE / "accounts" / "test_notification_socket.py")
# Of the tests that drive a browser, those that take a quarter of a minute or more: no worker ends long after another.
_LONGEST = (
    "test_every_link_and_every_tab_leads_to_a_page_without_fault",
    "test_from_the_one_time_password_to_a_complete_checklist",
    "test_a_server_lives_from_its_registration_to_a_new_key_and_a_signed_report",
    "test_every_tab_of_a_server_is_clean",
    "test_an_invited_person_joins_by_single_sign_on",
    "test_the_pages_are_clean",
    "test_trust_and_behaviour_are_clean_in_every_state",
    "test_the_settings_are_without_fault",
    "test_the_last_data_stay_while_the_server_is_away",
    "test_a_registration_is_kept_until_the_server_is_back",
    "test_the_lists_look_right",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The tests with a product beside them come last, whatever the order in which the others were shuffled.

    Those with an installation of their own come first, so that one worker has them all.

    A product sequences the ledger of the worker's database on its own; and from the first test that drives a browser on
    Playwright's event loop runs in the worker's thread. Both would change what the other tests see.
    """
    items.sort(key=_place)


def _place(item):
    if item.path.is_relative_to(_OWN_INSTALLATION):
        return -1, 0
    if item.path in _CLIENT_TESTS:
        return 1, 0
    if item.path.is_relative_to(_BROWSER_TESTS):
        name = getattr(item, "originalname", "")
        return 2, _LONGEST.index(name) if name in _LONGEST else len(_LONGEST)
    return 0, 0


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """pytest-django's own creates databases only for tests with its mark, which would roll them back."""
    with django_db_blocker.unblock():
        with first_template() as template:
            if template:
                connections["default"].settings_dict["TEST"]["TEMPLATE"] = template
            created = setup_databases(verbosity=0, interactive=False)
            make_template()
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


@pytest.fixture(scope="module", autouse=True)
def _followers_begin_here(request, _database):
    """Where a module lets followers follow, they begin with what its own tests record."""
    if hasattr(request.module, "follow_all"):
        skip_backlog()


@pytest.fixture
def empty_database():
    """For a test that looks at everything there is."""
    with own_database():
        yield


@pytest.fixture(scope="session")
def product(tmp_path_factory, _database):
    """The real web process on the worker's database, for the tests that come last."""
    with running_product(tmp_path_factory.mktemp("product"), people=False) as running:
        yield running


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
