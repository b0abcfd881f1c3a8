"""A browser in which somebody is signed in already."""

from django.test import Client

from accounts.sessions import ORGANIZATION_KEY
from tests.factories.accounts import Person


def browser_of(person: Person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[ORGANIZATION_KEY] = person.organization.id.hex
    session.save()
    return client
