"""Every page, by everybody who may ask for it: what its view declares, read against the one table, and nothing else.

The pages are those that the URL resolver has. One that declares nothing, or that is open without standing in `OPEN`,
fails here; so does one that shows another organization's.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from itertools import product
from urllib.parse import quote, urlsplit

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve, reverse

from accounts.models import Role
from accounts.permissions import ROLE_PERMISSIONS, Permission
from aim.ids import IdKind, parse_id, show_id, uuid7
from tests.console.estate import Estate, make_estate
from tests.console.pages import page_urls
from tests.console.people import browser_of
from tests.factories.browser import new_browser

LOGIN = reverse("accounts:login")
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "aim-dialog#dialog"}

# Behind no permission, each for a reason; with what somebody gets who has no session and sends nothing.
TO_LOGIN = f"302 {LOGIN}"
OPEN: dict[str, dict[str, str]] = {
    # For the machines beside AIM. `metrics` asks for a token of its own, or for loopback.
    "healthz": {"GET": "200"},
    "readyz": {"GET": "200"},
    "metrics": {"GET": "404"},
    # Holds nothing of anybody's.
    "service-worker": {"GET": "200"},
    # A cookie that says how the console looks, on the pages before signing in as well.
    "preferences": {"POST": "302 /"},
    # The way in.
    "accounts:login": {"GET": "200", "POST": "200"},
    "accounts:provider": {"GET": "302"},
    "accounts:join": {"POST": TO_LOGIN},
    "accounts:passkey": {"POST": TO_LOGIN},
    "accounts:passkey-check-options": {"POST": "200"},
    "accounts:second-factor": {"GET": TO_LOGIN, "POST": TO_LOGIN},
    "accounts:forgotten": {"GET": "200", "POST": "200"},
    "accounts:password-new": {"GET": TO_LOGIN, "POST": TO_LOGIN},
    "accounts:password-reset": {"GET": TO_LOGIN},
    "accounts:logout": {"POST": TO_LOGIN},
    # For somebody signed in, of whatever role, who still owes something or proves who is sitting there.
    "accounts:prove": {"GET": TO_LOGIN, "POST": TO_LOGIN},
    "accounts:proof-options": {"POST": "404"},
    "accounts:password": {"GET": TO_LOGIN, "POST": TO_LOGIN},
    "accounts:second-factor-add": {"GET": TO_LOGIN, "POST": TO_LOGIN},
    "accounts:passkey-options": {"POST": "404"},
}
# allauth's own: where the providers send the browser back to. Their suite is accounts/test_single_sign_on.py.
CALLBACKS = {"google_callback", "microsoft_callback", "openid_connect_callback"}

# What changes nothing but what is the asker's own, or only writes down that something was read.
READS_BY_POST = {
    "accounts:organization-switch",
    "accounts:tour",
    "agents:agents-export",
    "verification:verifications-export",
}
# Names of things that are the same for everybody, or of no organization.
SHARED = {"number"}

_TAGS = re.compile(r"<\w[^>]*>")
_FORMS = re.compile(r"(<form\b[^>]*>)(.*?)</form>", re.DOTALL)

URLS = page_urls()
PAGES = [url for url in URLS if url.access is not None]
WITH_IDS = [url for url in PAGES if set(url.parameters) - SHARED]


@cache
def own() -> Estate:
    return make_estate()


@cache
def foreign() -> Estate:
    return make_estate()


@cache
def browsers() -> dict[Role, Client]:
    return {role: browser_of(person) for role, person in own().people.items()}


@contextmanager
def undone() -> Iterator[None]:
    """What is done within leaves the estate as it was, and tells no worker."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, method: str, path: str, **options):
    with undone():
        # What was said about an earlier act would be shown by whichever page comes next.
        client.cookies.pop("messages", None)
        response = client.generic(method, path, content_type="application/x-www-form-urlencoded", **options)
        if response.streaming:
            # A file that is never read to its end would keep its connection.
            response = HttpResponse(response.getvalue(), status=response.status_code, headers=dict(response.headers))
        return response


def unknown(known: str) -> str:
    """An id of the same kind that nobody has."""
    if known.isdecimal():
        return "999999999"
    if "_" not in known:
        return "0" * len(known)
    kind = IdKind(known.partition("_")[0])
    parse_id(kind, known)
    return show_id(kind, uuid7())


def plain(response) -> bytes:
    """The page without tokens against forgery, the request's own id, and the ids that were asked for."""
    return re.sub(rb'"[A-Za-z0-9]{64}"|\b(?:[a-z]{3}_)?[0-9a-f]{32}\b', b"", response.content)


# The frame leads to the same places from every page.
_resolved = cache(resolve)


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else ""


def refused_ways(response, path: str, role: Role) -> list[str]:
    """The links and forms of a page that would be refused to the role that sees them."""
    page = response.content.decode(errors="replace") if "html" in response.headers["Content-Type"] else ""
    # A form without a button of its own is one that is only read: its fields are disabled.
    forms = [(tag, body) for tag, body in _FORMS.findall(page) if 'method="post"' in tag]
    ways = [("POST", _attribute(tag, "action") or path) for tag, body in forms if 'type="submit"' in body]
    for tag in _TAGS.findall(_FORMS.sub(lambda form: form[2], page)):
        for name, method in (("href", "GET"), ("hx-get", "GET"), ("hx-post", "POST"), ("formaction", "POST")):
            ways += [(method, address) for address in [_attribute(tag, name)] if address]
    refused = []
    for method, address in ways:
        target = urlsplit(unescape(address)).path
        if not target.startswith("/") or target.startswith(("/static/", "/api/")):
            continue
        found = _resolved(target)
        access = getattr(found.func, "access", None)
        if access and not access.wanted(method, found.kwargs.get("verb")) <= ROLE_PERMISSIONS[role]:
            refused.append(f"{method} {target}")
    return refused


@pytest.mark.requirement("R.2")
def test_every_page_declares_its_permission_or_is_known_to_be_open():
    undeclared = {url.name for url in URLS if url.access is None}
    assert undeclared == OPEN.keys() | CALLBACKS
    assert not [url.name for url in URLS if getattr(url.view, "csrf_exempt", False)]
    assert len(PAGES) > 130


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("url", PAGES, ids=str)
def test_a_permission_that_reads_allows_no_write(url):
    if "POST" in url.methods() and url.name not in READS_BY_POST:
        assert not all(one.value.endswith(":read") for one in url.access.wanted("POST", url.verb))


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("name", OPEN)
def test_an_open_page_answers_a_stranger_as_is_written_here(name):
    [url] = [url for url in URLS if url.name == name]
    assert url.methods() == OPEN[name].keys()
    for method, expected in OPEN[name].items():
        response = ask(new_browser(), method, url.path({}))
        status, _, location = expected.partition(" ")
        assert response.status_code == int(status), method
        assert response.headers.get("Location", "").partition("?")[0] == location or not location


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("url", PAGES, ids=str)
def test_somebody_without_a_session_is_led_to_sign_in(url):
    path = url.path(own().ids)
    for method in url.methods():
        response = ask(new_browser(), method, path)
        assert response.status_code == 302, method
        assert response.headers["Location"] == f"{LOGIN}?next={quote(path)}"
        part = ask(new_browser(), method, path, headers=HTMX)
        assert (part.status_code, part.content) == (401, b""), method
        assert part.headers.get("AIM-Session") == ("expired" if method == "POST" else None)


@pytest.mark.requirement("R.1", "R.2")
@pytest.mark.parametrize("url", PAGES, ids=str)
def test_the_declared_permission_decides_and_nothing_of_another_organization_is_shown(url):
    path = url.path(own().ids)
    strange = [text for text in foreign().ids.values() if not text.isdecimal()]
    for method, role in product(sorted(url.methods()), Role):
        response = ask(browsers()[role], method, path)
        if url.access.wanted(method, url.verb) <= ROLE_PERMISSIONS[role]:
            refusals = {401, 403} - ({403} if url.name == "verification:ledger-rotate" else set())
            assert response.status_code not in refusals, (method, role)
            assert response.status_code < 500, (method, role)
            assert not [one for one in strange if one.encode() in response.content], (method, role)
            assert not refused_ways(response, path, role), (method, role)
        else:
            assert response.status_code == 403, (method, role)


def alike(method: str, paths: list[str]):
    """Ask for each as an admin, and demand the same answers; they are given back.

    What the frame says of the own organization may change between two of them, such as how many requests wait. What
    told the ids apart would do so each time.
    """
    for _ in range(3):
        answers = [ask(browsers()[Role.ADMIN], method, path) for path in paths]
        seen = [(answer.status_code, plain(answer)) for answer in answers]
        if seen[0] == seen[1]:
            break
    assert seen[0] == seen[1]
    return answers


@pytest.mark.requirement("R.1")
@pytest.mark.parametrize("url", WITH_IDS, ids=str)
def test_another_organizations_id_is_like_an_unknown_one(url):
    names = [name for name in url.parameters if name not in SHARED]
    mine, theirs = own().ids, foreign().ids
    for method in url.methods():
        for name in names:
            paths = [url.path(mine | {name: text}) for text in (theirs[name], unknown(mine[name]))]
            answers = alike(method, paths)
            assert [answer.status_code for answer in answers] == [404, 404], (method, paths)


@pytest.mark.requirement("R.1")
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/dashboard/agents/register?request={}", "request_id"),
        ("/dashboard/agents/requests/{}", "request_id"),
        ("/dashboard/approvals?a={}", "approval_id"),
        ("/dashboard/verifications?d={}", "verification_id"),
        ("/dashboard/reports/new?agent={}", "agent_id"),
        ("/dashboard/reports/new?verification={}", "verification_id"),
    ],
)
def test_another_organizations_id_in_a_query_is_like_an_unknown_one(address, name):
    theirs = foreign().ids[name]
    # The address itself stands in links of the page; what is behind it does not.
    alike("GET", [address.format(one) for one in (theirs, unknown(own().ids[name]))])
    own_answer = ask(browsers()[Role.ADMIN], "GET", address.format(own().ids[name]))
    assert own_answer.status_code == 200


@pytest.mark.requirement("R.2")
def test_the_page_of_all_components_is_for_admins_alone():
    [url] = [url for url in PAGES if url.name == "design"]
    assert {role for role in Role if url.access.wanted("GET") <= ROLE_PERMISSIONS[role]} == {Role.ADMIN}
    assert url.access.permission is Permission.ORGANIZATION_WRITE


# How a page looks that shows what is shown once: a key, a token, a code, the secret of an app, the link of a mail.
_SECRET = re.compile(rb'class="codes|enrol-key|invited-link|aim[a-z]?_[\w-]{43}|invitation=|whsec_|One-time password')


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("url", [url for url in URLS if url.name not in CALLBACKS], ids=str)
def test_no_browser_keeps_a_page_that_shows_a_secret(url):
    if "GET" not in url.methods() or url.name in {"healthz", "readyz", "metrics", "service-worker"}:
        return
    response = ask(browsers()[Role.ADMIN], "GET", url.path(own().ids))
    assert "no-store" in response.headers["Cache-Control"]
    keeps = response.headers.get("AIM-Offline") == "keep"
    assert keeps == (url.access is not None and response.status_code == 200 and not url.access.secret)
    assert not (keeps and _SECRET.search(response.content))


@pytest.mark.requirement("E1")
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("agents:agent-api-key", ""),
        ("accounts:recovery-codes-new", ""),
        ("accounts:token-new", "name=Mine&scope=all&days=7"),
        ("accounts:invite", "emails=somebody@example.com&role=viewer"),
        ("accounts:member-reset", ""),
        ("accounts:alerts-webhook", "url=https://8.8.8.8/aim&kind=role_changed"),
        ("accounts:factor-add", None),
    ],
)
def test_what_shows_a_secret_is_declared_to_do_so(name, sent):
    [url] = [url for url in PAGES if url.name == name]
    method = "GET" if sent is None else "POST"
    response = ask(browsers()[Role.ADMIN], method, url.path(own().ids), data=sent or "")
    assert _SECRET.search(response.content), response.content[-3000:]
    assert url.access.secret
    assert "no-store" in response.headers["Cache-Control"]
    assert "AIM-Offline" not in response.headers
