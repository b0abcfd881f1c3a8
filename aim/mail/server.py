"""Which mail server there is, by `AIM_EMAIL_URL`: `smtp://user:password@host:port?tls=starttls`."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class MailAddressError(ValueError):
    """`AIM_EMAIL_URL` is no address of a mail server."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """`host` is empty where there is none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    tls: str = "none"


def mail_server(url: str) -> MailServer:
    """The server by its address; raises `MailAddressError`. Passwords travel without TLS within this machine only."""
    if not url:
        return MailServer()
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    local = parts.hostname in _LOCAL
    tls = options.pop("tls", "none" if local else "starttls")
    if parts.scheme != "smtp" or not parts.hostname or tls not in _PORTS or options:
        raise MailAddressError("AIM_EMAIL_URL must be smtp://user:password@host:port?tls=starttls (or tls, or none).")
    if tls == "none" and parts.password and not local:
        raise MailAddressError("AIM_EMAIL_URL would send its password in the clear: use tls=starttls or tls=tls.")
    return MailServer(
        host=parts.hostname,
        port=parts.port or _PORTS[tls],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )


def mail_is_configured() -> bool:
    return bool(settings.EMAIL_HOST)
