"""How AIM says who it is: the headers that each method adds to a request to the server, and to no other place."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from aim import clock
from aim.crypto.content_digest import content_digest
from aim.crypto.signature_base import SignedMessage, signature_base
from aim.outbound.lines import Line
from aim.outbound.problems import ErrorCode, ProbeError, problem_of
from mcp.models import AuthMethod
from mcp.probe.target import Target
from mcp.probe.trust import other_tls

HMAC_TAG = "aim-mcp"
_HMAC_LIFETIME = 60
_SUCCESS = 200
_MOST_BYTES = 64 * 1024

Headers = Callable[[str, str, bytes], Mapping[str, str]]
"""Of the method, the address and the body of a request: the headers to add to it."""


def authentication_of(target: Target, *, seconds: Callable[[], float]) -> Headers:
    """The headers by the target's method; `seconds` says how long a call may take now.

    Raises `ProbeError` where there is no credential, or where no token can be had for it.
    """
    if target.auth_method == AuthMethod.NONE:
        return lambda _method, _url, _body: {}
    if not target.secret:
        raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, "No credential has been set for this server.")
    match target.auth_method:
        case AuthMethod.API_KEY:
            value = f"{target.secret['scheme']} {target.secret['api_key']}".strip()
            return lambda _method, _url, _body: {target.secret["header"]: value}
        case AuthMethod.OAUTH2:
            token = _fetch_token(target, seconds())
            return lambda _method, _url, _body: {"Authorization": f"Bearer {token}"}
        case AuthMethod.HMAC:
            return lambda method, url, body: hmac_headers(
                target.secret["key_id"], target.secret["secret"].encode(), method, url, body
            )
        case _:
            # The certificate of mutual TLS is part of the connection.
            return lambda _method, _url, _body: {}


def hmac_headers(key_id: str, secret: bytes, method: str, url: str, body: bytes) -> dict[str, str]:
    """A signature by RFC 9421 with `hmac-sha256` over method, address and body, good for a minute and once."""
    parts = urlsplit(url)
    created = int(clock.now().timestamp())
    fields = {"content-digest": content_digest(body)}
    components = ("@method", "@authority", "@path", *(("@query",) if parts.query else ()), "content-digest")
    covered = " ".join(f'"{name}"' for name in components)
    parameters = (
        f"({covered});created={created};expires={created + _HMAC_LIFETIME};"
        f'nonce="{secrets.token_urlsafe(16)}";keyid="{key_id}";alg="hmac-sha256";tag="{HMAC_TAG}"'
    )
    message = SignedMessage(
        method=method,
        scheme=parts.scheme,
        authority=parts.netloc.lower().encode(),
        path=parts.path.encode(),
        query=parts.query.encode(),
        headers=[(name.encode(), value.encode()) for name, value in fields.items()],
        body=body,
    )
    signed = hmac.new(secret, signature_base(message, components, parameters), hashlib.sha256).digest()
    return {
        "Content-Digest": fields["content-digest"],
        "Signature-Input": f"aim={parameters}",
        "Signature": f"aim=:{base64.b64encode(signed).decode()}:",
    }


def _fetch_token(target: Target, seconds: float) -> str:
    """An access token for client credentials (RFC 6749 section 4.4)."""
    secret = target.secret
    form = {"grant_type": "client_credentials"}
    form |= {name: secret[name] for name in ("scope", "resource") if secret.get(name)}
    basic = f"{quote_plus(secret['client_id'])}:{quote_plus(secret['client_secret'])}".encode()
    headers = {
        "Accept": "application/json",
        "Authorization": f"Basic {base64.b64encode(basic).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        with Line(tls=other_tls(target)) as line:
            reply = line.call(
                "POST",
                secret["token_url"],
                headers=headers,
                body=urlencode(form).encode(),
                seconds=seconds,
                most_bytes=_MOST_BYTES,
            )
    except Exception as error:  # noqa: BLE001 - `problem_of` raises again what it does not know
        raise _no_token(str(problem_of(error))) from None
    if reply.status != _SUCCESS:
        raise _no_token(f"The token endpoint answered {reply.status}.")
    try:
        token = msgspec.json.decode(reply.body).get("access_token")
    except (msgspec.DecodeError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise _no_token("The token endpoint gave no access token.")
    return token


def _no_token(detail: str) -> ProbeError:
    return ProbeError(ErrorCode.AUTHENTICATION_FAILED, detail)
