"""The real web process on the tests' database, one Chromium a worker, a context of its own for every visit."""

import os
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect, sync_playwright

from accounts.models import Organization, Role
from tests.e2e.browser import HEIGHTS, Visit, find_chromium
from tests.e2e.product import OwnProduct
from tests.factories.accounts import Person, make_organization, make_person
from tests.factories.browser import session_cookie

# A page takes its time on a machine that is busy with other things; only what never comes is waited for to the end.
PATIENCE_SECONDS = 30
# Playwright's own loop runs in this thread; the tests still use the database from it, one thing after the other.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@dataclass(frozen=True)
class Cast:
    """An organization of the test's own, with a person of each role."""

    organization: Organization
    admin: Person
    manager: Person
    member: Person
    viewer: Person

    def of(self, role: Role) -> Person:
        person: Person = getattr(self, role.value)
        return person


@pytest.fixture
def cast():
    return make_cast()


def make_cast() -> Cast:
    organization = make_organization()
    return Cast(organization, **{role.value: make_person(organization, role) for role in Role})


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        reason = "There is no Chromium. Install it (apt install chromium-headless-shell), or name it in AIM_CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def product_to_stop(tmp_path_factory, _database):
    made = OwnProduct(tmp_path_factory.mktemp("own"))
    yield made
    made.stop()


@pytest.fixture
def own_product(product_to_stop):
    """A web process that the test may stop, and that runs: see `tests.e2e.product.stopped`."""
    product_to_stop.start()
    return product_to_stop


@pytest.fixture
def visit(chromium, product):
    """`visit(path, person, theme=, width=)`: the page as the person sees it. What goes wrong on it fails the test."""
    visits: list[Visit] = []

    def open_page(
        path,
        person=None,
        *,
        theme="light",
        width=1440,
        quiet=True,
        base=None,
        patience=PATIENCE_SECONDS,
        **options,
    ):
        address = base or product.url
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme=theme,
            reduced_motion="reduce",
            **{"service_workers": "block", **options},
        )
        context.set_default_timeout(patience * 1000)
        if person is not None:
            context.add_cookies([{"name": "sessionid", "value": session_cookie(person), "url": address}])
        made = Visit(context, address, scripts=options.get("java_script_enabled", True))
        visits.append(made)
        made.quiet = quiet
        return made.open(path)

    yield open_page
    for made in visits:
        try:
            if made.quiet:
                made.check_quiet()
        finally:
            made.context.close()
