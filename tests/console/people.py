"""A browser in which somebody is signed in already."""

from django.test import Client

from tests.factories.accounts import Person
from tests.factories.browser import signed_in_browser


def browser_of(person: Person) -> Client:
    client = signed_in_browser(person)
    client.raise_request_exception = False
    return client
