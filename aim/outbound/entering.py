"""The form of an address that a person enters; whether it may be called is for `aim.outbound.places` to say."""

from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MAX_URL = 2048
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def url_problems(value: Any) -> list[str]:
    """An address that can be called safely: HTTPS, or HTTP on this very machine, with nothing secret in it."""
    if not isinstance(value, str) or len(value) > MAX_URL or not value.isascii() or not value.isprintable():
        sentence = ngettext(
            "Use an address of at most %(most)s ASCII character, such as https://mcp.example.com/files.",
            "Use an address of at most %(most)s ASCII characters, such as https://mcp.example.com/files.",
            MAX_URL,
        )
        return [sentence % {"most": MAX_URL}]
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return [_("Use an address such as https://mcp.example.com/files.")]
    if not parts.hostname or port == 0 or parts.scheme not in {"https", "http"} or " " in value:
        return [_("Use an address such as https://mcp.example.com/files.")]
    if parts.username is not None or parts.password is not None:
        return [_("Leave user and password out of the address; credentials have fields of their own.")]
    if parts.fragment or "#" in value:
        return [_("Leave out what stands behind the #.")]
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return [_("Use https: without TLS anybody on the way could answer for the server.")]
    return []
