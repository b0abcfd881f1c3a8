"""A browser with an address of its own: attempts to sign in are counted by address, also over several runs."""

import secrets
from ipaddress import IPv6Address

from django.conf import settings
from django.test import Client

from accounts.services.sessions import begin_session
from accounts.sessions import SESSION_KEY
from tests.factories.accounts import Person


def random_address() -> str:
    return str(IPv6Address(0x2001_0DB8 << 96 | secrets.randbits(96)))


def new_browser(*, csrf: bool = False) -> Client:
    return Client(enforce_csrf_checks=csrf, REMOTE_ADDR=random_address())


def signed_in_browser(person: Person, *, method: str = "password", second_factor: str = "") -> Client:
    """A browser with a session of the person as signing in makes it, without the pages that lead there."""
    browser = new_browser()
    browser.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    begun = begin_session(person.membership, method=method, second_factor=second_factor, address=None)
    session = browser.session
    session[SESSION_KEY] = begun.id.hex
    session.save()
    return browser


def session_cookie(person: Person) -> str:
    """The key of such a session, for a browser outside of this process."""
    return signed_in_browser(person).cookies[settings.SESSION_COOKIE_NAME].value
