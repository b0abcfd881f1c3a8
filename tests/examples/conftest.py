import pytest

from tests.examples.product import running_product
from tests.factories.databases import database_beside


@pytest.fixture(scope="package")
def product(tmp_path_factory, _database):
    """With a worker, and so with a database of its own."""
    with (
        database_beside() as url,
        running_product(tmp_path_factory.mktemp("product"), worker=True, DATABASE_URL=url) as running,
    ):
        yield running
