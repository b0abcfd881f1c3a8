"""Forgotten passwords."""

import re

import pytest
from django.urls import reverse

from aim.ledger.events import Event
from aim.mail.models import OutgoingMail
from tests.factories.accounts import PASSWORD, unique
from tests.factories.browser import new_browser, signed_in_browser
from tests.factories.ledger import recorded
from tests.factories.mail_server import send_waiting

LOGIN, FORGOTTEN, NEW = (reverse(f"accounts:{name}") for name in ("login", "forgotten", "password-new"))


@pytest.mark.requirement("R.6")
def test_a_new_password_by_mail_once(admin, mail_server):
    session = signed_in_browser(admin)
    with recorded(admin.organization.id, Event.USER_PASSWORD_RESET_ASKED):
        new_browser().post(FORGOTTEN, {"email": admin.user.email.upper()})
    send_waiting(admin.organization.id)
    link = mail_server.link_to(admin.user.email)
    browser = new_browser()
    assert browser.get(link).headers["Location"] == NEW
    assert admin.user.email in browser.get(NEW).content.decode()
    assert "at least 12 characters" in browser.post(NEW, {"new_password": "short"}).content.decode()
    with recorded(admin.organization.id, Event.USER_PASSWORD_CHANGED, Event.SESSION_ENDED):
        done = browser.post(NEW, {"new_password": "a sentence of my own"}, follow=True)
    assert "Your password is changed" in done.content.decode()
    assert session.get("/api/v1/me").status_code == 401
    assert "This link has ended" in new_browser().get(link, follow=True).content.decode()
    fresh = new_browser()
    assert fresh.post(LOGIN, {"email": admin.user.email, "password": PASSWORD}).status_code == 401
    assert fresh.post(LOGIN, {"email": admin.user.email, "password": "a sentence of my own"}).status_code == 302


def test_whoever_asks_learns_nothing(admin, mail_server):
    def answer(email):
        response = new_browser().post(FORGOTTEN, {"email": email})
        return response.status_code, re.sub(r'value="[^"]*"', "", response.content.decode())

    assert answer(admin.user.email) == answer(f"{unique('nobody')}@example.com")


def test_nobody_is_flooded_with_mail(admin, mail_server):
    browser = new_browser()
    statuses = [browser.post(FORGOTTEN, {"email": admin.user.email}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert OutgoingMail.objects.filter(recipient=admin.user.email).count() == 5


def test_without_a_mail_server_the_page_says_who_can_help():
    assert "No mail server is configured here" in new_browser().get(FORGOTTEN).content.decode()


@pytest.mark.parametrize("link", ["/login/reset/x/y", f"/login/reset/{'0' * 32}/a-b", "/login/reset/é/ü"])
def test_an_altered_link_is_a_link_that_has_ended(link):
    assert "This link has ended" in new_browser().get(link, follow=True).content.decode()
