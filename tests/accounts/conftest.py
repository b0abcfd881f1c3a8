import pytest

from tests.factories.accounts import make_organization, make_person
from tests.factories.mail_server import running_mail_server


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def mail_server(settings):
    """A real SMTP server, and the product told of it."""
    with running_mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        yield server
