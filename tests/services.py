"""A pytest plugin: real PostgreSQL and Valkey for the tests, started here unless the environment names others."""

import os
import secrets
import tempfile
from pathlib import Path

import pytest

# Importing anything of `aim` settles the settings module for Celery's sake, so it is named first.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from aim.runtime.environment import new_secrets
from aim.runtime.postgres import Postgres
from aim.runtime.valkey import Valkey


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config):
    """As a wrapper this runs before pytest-django reads the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _start(early_config)
    os.environ["AIM_TEST_VALKEY_DATABASE"] = str(1 + int(worker.removeprefix("gw")) if worker else 0)
    return (yield)


def _start(config: pytest.Config) -> None:
    for name, value in new_secrets().items():
        os.environ.setdefault(name, value)
    if "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="aim-tests-", ignore_cleanup_errors=True)
    # PostgreSQL runs as `nobody` when root runs the tests.
    Path(folder.name).chmod(0o711)
    config.add_cleanup(folder.cleanup)
    os.environ["AIM_TEST_FOLDER"] = folder.name
    if "DATABASE_URL" not in os.environ:
        postgres = Postgres(Path(folder.name), password=secrets.token_urlsafe(16), durable=False)
        config.add_cleanup(postgres.stop)
        postgres.start()
        os.environ["DATABASE_URL"] = postgres.url()
    if "REDIS_URL" not in os.environ:
        valkey = Valkey(Path(folder.name))
        config.add_cleanup(valkey.stop)
        valkey.start()
        os.environ["REDIS_URL"] = valkey.url()
