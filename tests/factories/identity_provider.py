"""A provider that people sign in with, on loopback: it speaks OpenID Connect, and as Microsoft its own dialect."""

import subprocess
import sys
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests
from django.conf import settings

from tests.factories.accounts import unique


class IdentityProvider:
    """People are known to it by `sub`; `claims` is what it says of them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def knows(self, email: str, *, verified: bool | None = True, **claims) -> str:
        sub = unique("sub")
        told: dict[str, Any] = {
            "email": email,
            "name": "Ada Example",
            **({} if verified is None else {"email_verified": verified}),
        }
        requests.put(f"{self.url}/users/{sub}", json={**told, **claims}, timeout=60).raise_for_status()
        return sub

    def sign_in(self, browser, provider: str, sub: str, *, deny: bool = False, **query):
        """The whole dance: from our button to the provider, the consent there, and back; the last answer of ours."""
        start = browser.get(f"/login/with/{provider}", query, headers={"sec-fetch-site": "same-origin"})
        assert start.status_code == 302, start.content
        return browser.get(self.consent(start.headers["Location"], sub, deny=deny))

    def consent(self, location: str, sub: str, *, deny: bool = False) -> str:
        """What the provider's page does when the person agrees; the path it sends the browser back to."""
        assert location.startswith(self.url)
        form = {"action": "deny"} if deny else {"sub": sub}
        answer = requests.post(location, data=form, allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        state = parse_qs(urlsplit(location).query)["state"][0]
        query = {**dict(parse_qsl(back.query)), "state": state}
        return f"{back.path}?{urlencode(query)}"


@contextmanager
def running_identity_provider():
    """In a process of its own, as providers are; the warnings of its libraries are not ours either."""
    sock = settings.IDENTITY_PROVIDER_SOCKET
    command = [sys.executable, "-W", "ignore", "-m", "tests.factories.identity_provider_server", str(sock.fileno())]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, pass_fds=[sock.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield IdentityProvider(f"http://127.0.0.1:{sock.getsockname()[1]}")
    finally:
        process.terminate()
        process.wait(60)
