"""Answers AIM's challenges for an MCP server: an ASGI application of the standard library and `cryptography`.

Mount it at the verification URL of your server, beside the server itself:

    responder = Responder(
        private_key=pathlib.Path("private.pem").read_bytes(),
        url="https://mcp.example.com/files",      # exactly as it is registered with AIM
        audience="https://aim.example.com",       # the origin of the AIM that you registered with
    )
    app = Starlette(routes=[Route("/files/verify", responder), Mount("/files", mcp_app)])

To change the key, run it once more with both, and rotate in AIM; see `Responder`.

What it signs names your server and your AIM. It refuses everything else: whoever has registered an address of their own
with your public key, and passes your challenges on to you, gets no signature.
"""

import base64
import hashlib
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

    With `previous_key` a rotation is one step: run your server with the new key as `private_key` and the old one as
    `previous_key`, and start the rotation. The old key agrees to the new one, and to no other; whatever AIM asks of the
    old key is signed by that, everything else by the new one. Leave `previous_key` out once the rollover has ended.
    """

    def __init__(
        self,
        *,
        private_key: bytes,
        url: str,
        audience: str,
        next_keys: Sequence[str] = (),
        previous_key: bytes | None = None,
    ) -> None:
        self._key = load_pem_private_key(private_key, password=None)
        self._previous = load_pem_private_key(previous_key, password=None) if previous_key else None
        if self._previous is not None:
            next_keys = [*next_keys, thumbprint(self._key)]
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
            statement, keys = _challenge(body)
            answer = {"signature": base64.b64encode(self.sign(statement, keys)).decode()}
        except RefusedError as reason:
            await _reply(send, 403, {"error": str(reason)})
            return
        await _reply(send, 200, answer)

    def sign(self, statement: str, keys: Sequence[str] = ()) -> bytes:
        """The signature of a statement that is for this server; raises `RefusedError` for any other.

        `keys` are the thumbprints of those that may sign it.
        """
        agrees = "next_key" in self._check(statement)
        key = self._key
        # Consent to a new key is the old one's to give; and so is the proof, as long as AIM knows no other.
        if self._previous is not None and (agrees or (keys and thumbprint(key) not in keys)):
            key = self._previous
        message = statement.encode()
        match key:
            case ed25519.Ed25519PrivateKey():
                return key.sign(message)
            case rsa.RSAPrivateKey():
                return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePrivateKey():
                return key.sign(message, ec.ECDSA(hashes.SHA256()))
        raise TypeError("Use an RSA, Ed25519 or ECDSA P-256 key")

    def _check(self, statement: str) -> dict[str, str]:
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
        return values


def thumbprint(key: Any) -> str:
    """The RFC 7638 thumbprint of a private key's public half, by which AIM names keys."""
    public = key.public_key()
    match public:
        case ed25519.Ed25519PublicKey():
            jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public.public_bytes_raw())}
        case rsa.RSAPublicKey():
            numbers = public.public_numbers()
            jwk = {"e": _base64url(_octets(numbers.e)), "kty": "RSA", "n": _base64url(_octets(numbers.n))}
        case ec.EllipticCurvePublicKey():
            point = public.public_numbers()
            x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
            jwk = {"crv": "P-256", "kty": "EC", "x": _base64url(x), "y": _base64url(y)}
        case _:
            raise TypeError("Use an RSA, Ed25519 or ECDSA P-256 key")
    return _base64url(hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest())


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _challenge(body: bytes) -> tuple[str, list[str]]:
    try:
        message = json.loads(body)
        statement, keys = message["challenge"], message.get("keys", [])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        statement, keys = None, []
    if not isinstance(statement, str) or not statement.isascii() or not isinstance(keys, list):
        raise RefusedError('Send {"challenge": "…"}.')
    return statement, keys


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
