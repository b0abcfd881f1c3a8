import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.services.members import remove_member
from aim.ledger.events import Event
from aim.ledger.models import Entry
from tests.factories.accounts import PASSWORD, make_organization, make_person, unique
from tests.factories.browser import new_browser
from tests.factories.ledger import recorded

LOGIN = reverse("accounts:login")


@pytest.fixture
def admin():
    return make_person(make_organization())


def sign_in(client: Client, email: str, password: str = PASSWORD, **fields):
    return client.post(LOGIN, {"email": email, "password": password, **fields})


@pytest.mark.requirement("R.6")
def test_signing_in_and_out_is_on_record(admin):
    client = new_browser()
    with recorded(admin.organization.id, Event.USER_SIGNED_IN) as added:
        response = sign_in(client, admin.user.email.upper())
    assert response.headers["Location"] == "/"
    assert added[0]["actor"]["address"].startswith("2001:db8:")
    with recorded(admin.organization.id, Event.USER_SIGNED_OUT):
        client.post(reverse("accounts:logout"))
    assert client.get("/").headers["Location"].startswith(LOGIN)


def test_signing_in_makes_a_new_session(admin):
    client = new_browser()
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = str(before)
    sign_in(client, admin.user.email)
    assert client.session.session_key != before


def test_unknown_person_and_wrong_password_are_answered_alike(admin):
    def answer(email):
        response = sign_in(new_browser(), email, "wrong")
        return response.status_code, re.sub(r'value="[^"]*"', "", response.content.decode())

    with recorded(admin.organization.id, Event.USER_SIGN_IN_FAILED):
        known = answer(admin.user.email)
    assert known == answer(f"{unique('nobody')}@example.com")
    assert known[0] == 401


def test_what_a_stranger_types_is_not_stored(admin):
    secret = f"{unique('my-password')}@example.com"
    sign_in(new_browser(), secret, "wrong")
    bodies = [bytes(entry.body) for entry in Entry.objects.filter(kind=Event.USER_SIGN_IN_FAILED.value)]
    assert bodies
    assert not any(secret.encode() in body for body in bodies)


def test_guessing_ends_after_ten_attempts(admin):
    client = new_browser()
    statuses = [sign_in(client, admin.user.email, "wrong").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    # Even the right password is not looked at; from elsewhere its owner gets in.
    assert sign_in(client, admin.user.email).status_code == 429
    assert sign_in(new_browser(), admin.user.email).status_code == 302


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//evil.example"]
)
def test_next_leads_nowhere_else(admin, wanted):
    assert sign_in(new_browser(), admin.user.email, next=wanted).headers["Location"] == "/"


def test_next_leads_to_a_path_of_ours(admin):
    assert sign_in(new_browser(), admin.user.email, next="/account/password").headers["Location"] == "/account/password"


def test_the_start_page_is_the_console(admin):
    client = new_browser()
    assert client.get("/").headers["Location"].startswith(LOGIN)
    sign_in(client, admin.user.email)
    page = client.get("/", follow=True)
    assert page.status_code == 200
    assert page.redirect_chain[0][0] == "/dashboard"
    text = page.content.decode()
    assert admin.user.email in text
    assert admin.organization.name in text


def test_text_of_people_is_escaped():
    admin = make_person(make_organization())
    admin.user.name = "<script>alert(1)</script>"
    admin.user.save()
    client = new_browser()
    sign_in(client, admin.user.email)
    page = client.get("/", follow=True).content.decode()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_pages_allow_no_inline_script_or_style(admin):
    client = new_browser()
    sign_in(client, admin.user.email)
    for path in ("/", "/dashboard/_design", LOGIN, "/account/password"):
        page = (Client() if path == LOGIN else client).get(path, follow=True)
        assert page.status_code == 200
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|hx-on|js:", page.content.decode())


def test_the_one_time_password_must_be_replaced(admin):
    admin.user.must_change_password = True
    admin.user.save()
    client, elsewhere = new_browser(), new_browser()
    sign_in(client, admin.user.email)
    sign_in(elsewhere, admin.user.email)
    assert client.get("/").headers["Location"] == reverse("accounts:password")
    new = "quite another sentence"
    fields = {"current_password": PASSWORD, "new_password": new, "repeated": "different"}
    assert "differ" in client.post(reverse("accounts:password"), fields).content.decode()
    fields["repeated"] = new
    with recorded(admin.organization.id, Event.USER_PASSWORD_CHANGED):
        assert client.post(reverse("accounts:password"), fields).headers["Location"] == "/"
    assert client.get("/").headers["Location"] == "/dashboard"
    assert elsewhere.get("/").headers["Location"].startswith(LOGIN)


def test_the_session_ends_with_the_membership(admin):
    other = make_person(admin.organization)
    client = new_browser()
    sign_in(client, other.user.email)
    remove_member(admin.actor, other.user.id, organization_id=admin.organization.id)
    assert client.get("/").headers["Location"].startswith(LOGIN)
    assert sign_in(client, other.user.email).status_code == 401


def test_signing_out_is_no_link(admin):
    assert Client().get(reverse("accounts:logout")).status_code == 405


def test_without_counting_nobody_signs_in(admin, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent/valkey.sock"}}
    response = sign_in(new_browser(), admin.user.email)
    assert response.status_code == 503
    assert "Try again in a minute" in response.content.decode()


def test_an_address_that_does_not_exist_shows_the_way_back():
    response = new_browser().get("/no/such/page")
    assert response.status_code == 404
    assert b"There is nothing here" in response.content
    assert reverse("home").encode() in response.content
