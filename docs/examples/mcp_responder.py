"""Answers AIM's challenges for an MCP server: an ASGI application of the standard library and `cryptography`.

Mount it at the verification URL of your server, beside the server itself:

    responder = Responder(
        private_key=pathlib.Path("private.pem").read_bytes(),
        url="https://mcp.example.com/files",      # exactly as it is registered with AIM
        audience="https://aim.example.com",       # the origin of the AIM that you registered with
    )
    app = Starlette(routes=[Route("/files/verify", responder), Mount("/files", mcp_app)])

What it signs names your server and your AIM. It refuses everything else: whoever has registered an address of their own
with your public key, and passes your challenges on to you, gets no signature.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TAG = "aim-challenge-v1"
LINES = ("audience", "organization", "subject", "url", "nonce", "issued", "expires")
LONGEST = 16 * 1024
LONGEST_LIFE = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(seconds=30)


class RefusedError(Exception):
    """The statement is none that this server signs."""


class Responder:
    """Signs the challenges of one AIM for one server.

    `next_keys` are the RFC 7638 thumbprints of keys that may take this key's place: a statement that names one of them
    as `next_key` is your server's consent to that change, and is signed for none but these. AIM shows the thumbprint
    when the rotation begins.
    """

    def __init__(self, *, private_key: bytes, url: str, audience: str, next_keys: Sequence[str] = ()) -> None:
        self._key = load_pem_private_key(private_key, password=None)
        self._url = url
        self._audience = audience
        self._next_keys = frozenset(next_keys)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            await _reply(send, 405, {"error": "Send a challenge with POST."})
            return
        try:
            body = await _body(receive)
            answer = {"signature": base64.b64encode(self.sign(_challenge(body))).decode()}
        except RefusedError as reason:
            await _reply(send, 403, {"error": str(reason)})
            return
        await _reply(send, 200, answer)

    def sign(self, statement: str) -> bytes:
        """The signature of a statement that is for this server; raises `RefusedError` for any other."""
        self._check(statement)
        message = statement.encode()
        match self._key:
            case ed25519.Ed25519PrivateKey():
                return self._key.sign(message)
            case rsa.RSAPrivateKey():
                return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePrivateKey():
                return self._key.sign(message, ec.ECDSA(hashes.SHA256()))
        raise TypeError("Use an RSA, Ed25519 or ECDSA P-256 key")

    def _check(self, statement: str) -> None:
        tag, *lines = statement.split("\n")
        pairs = [line.partition(": ")[::2] for line in lines]
        values = dict(pairs)
        if tag != TAG or len(values) != len(pairs):
            raise RefusedError("This is no challenge.")
        if set(values) - {"next_key"} != set(LINES):
            raise RefusedError("The challenge says more or less than it should.")
        if values["audience"] != self._audience:
            raise RefusedError("The challenge comes from another AIM.")
        if values["url"] != self._url:
            raise RefusedError("The challenge is for another server.")
        if "next_key" in values and values["next_key"] not in self._next_keys:
            raise RefusedError("No such key is to take this key's place.")
        now = datetime.now(UTC)
        issued, expires = _moment(values["issued"]), _moment(values["expires"])
        if not issued - CLOCKS_DIFFER <= now < expires + CLOCKS_DIFFER or expires - issued > LONGEST_LIFE:
            raise RefusedError("The challenge is not of this minute. Check the clock of this machine.")


def _challenge(body: bytes) -> str:
    try:
        statement = json.loads(body)["challenge"]
    except (ValueError, TypeError, KeyError, RecursionError):
        statement = None
    if not isinstance(statement, str) or not statement.isascii():
        raise RefusedError('Send {"challenge": "…"}.')
    return statement


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        raise RefusedError("The challenge has no readable time.") from None


async def _body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    parts = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError("The challenge broke off.")
        parts += message.get("body", b"")
        if len(parts) > LONGEST:
            raise RefusedError("The challenge is too long.")
        if not message.get("more_body"):
            return parts


async def _reply(send: Callable[[dict[str, Any]], Awaitable[None]], status: int, answer: dict[str, str]) -> None:
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
