import pytest

from tests.examples.product import running_product


@pytest.fixture(scope="package")
def product(tmp_path_factory, _database):
    with running_product(tmp_path_factory.mktemp("product")) as running:
        yield running
