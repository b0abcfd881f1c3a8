"""Servers of the official MCP SDK for tests: installed once into an environment of their own, started on demand."""

import atexit
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any
from urllib.request import urlopen

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

HERE = Path(__file__).parent
RESPONDER = HERE.parents[2] / "docs" / "examples" / "mcp_responder.py"
_START_SECONDS = 60


@dataclass
class Settings:
    """What `server.py` is told. `auth` has a `method` (bearer, header, hmac) and its fields."""

    fd: int = -1
    url: str = ""
    audience: str = field(default_factory=lambda: settings.ORIGIN)
    private_key: str = ""
    previous_key: str = ""
    next_keys: list[str] = field(default_factory=list)
    responder: str = str(RESPONDER)
    era: str = "modern"
    json: bool = False
    more_tools: int = 0
    health_status: int = 200
    certificate: str = ""
    certificate_key: str = ""
    client_authority: str = ""
    auth: dict[str, Any] = field(default_factory=dict)


@dataclass
class SdkServer:
    """A server that runs. `authority` is the PEM to trust, empty without TLS."""

    origin: str
    key: Any
    authority: str
    settings: Settings

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def spent(self) -> float:
        """Seconds that the server itself has worked on requests so far, from the first byte it was given to the last
        it has sent.
        """
        context = ssl.create_default_context(cadata=self.authority) if self.authority else None
        with urlopen(f"{self.origin}/spent", context=context, timeout=60) as answer:
            return float(json.load(answer)["seconds"])

    def fields(self, **more: Any) -> dict[str, Any]:
        """The configuration to register it with."""
        return {
            "url": self.url,
            "verification_url": f"{self.origin}/verify",
            "health_endpoint": "/health",
            "ca_certificate": self.authority,
            "timeout_seconds": 10,
            **more,
        }


@contextmanager
def sdk_server(
    *,
    authority: trustme.CA | None = None,
    certificate: trustme.LeafCert | None = None,
    key: Any = None,
    verification_key: Any = None,
    client_authority: trustme.CA | None = None,
    **chosen: Any,
) -> Iterator[SdkServer]:
    """A server with TLS by the authority, or without; `verification_key` is what it signs with instead of its own."""
    key = key or Ed25519PrivateKey.generate()
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        # What is accepted inherits it. A server that opens its socket itself sets this; one that is handed it does not,
        # and its answers would wait 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        origin = f"{'https' if authority else 'http'}://localhost:{port}"
        told = Settings(
            **{"fd": listener.fileno(), "url": f"{origin}/mcp", "private_key": pem(verification_key or key), **chosen}
        )
        if authority is not None:
            shown = certificate or authority.issue_cert("localhost")
            told.certificate, told.certificate_key = f"{folder}/chain.pem", f"{folder}/key.pem"
            Path(told.certificate).write_bytes(b"".join(part.bytes() for part in shown.cert_chain_pems))
            Path(told.certificate_key).write_bytes(shown.private_key_pem.bytes())
        if client_authority is not None:
            told.client_authority = f"{folder}/clients.pem"
            Path(told.client_authority).write_bytes(client_authority.cert_pem.bytes())
        orders = _orders()
        socket.send_fds(orders, [json.dumps(asdict(told)).encode()], [listener.fileno()])
        server = int(orders.recv(16))
        try:
            _wait_until_up(server, port)
            pem_of_authority = authority.cert_pem.bytes().decode() if authority else ""
            yield SdkServer(origin, key, pem_of_authority, told)
        finally:
            _end(server)


@cache
def _orders() -> socket.socket:
    """To the program that has loaded the SDK and forks the servers; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        program = [str(sdk_python()), "-I", str(HERE / "server.py"), str(theirs.fileno())]
        process = subprocess.Popen(program, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait(timeout=_START_SECONDS)

    atexit.register(end)
    return ours


def _runs(server: int) -> bool:
    try:
        os.kill(server, 0)
    except ProcessLookupError:
        return False
    return True


def _end(server: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with suppress(ProcessLookupError):
        os.kill(server, signal.SIGTERM)
    while _runs(server):
        if time.monotonic() > deadline:
            raise RuntimeError("The server of the SDK did not end")
        time.sleep(0.01)


def sdk_python() -> Path:
    """The interpreter that has the SDK, made at first use from the lock beside this file."""
    lock = HERE / "requirements.txt"
    name = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = Path(gettempdir()) / f"aim-mcp-sdk-{name}"
    python = folder / "bin" / "python"
    with Path(f"{folder}.lock").open("w") as guard:
        flock(guard, LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(python), "-I", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*install, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)], check=True)
            (folder / "complete").touch()
    return python


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _wait_until_up(server: int, port: int) -> None:
    """The socket takes connections from the start, so that only an answer tells that somebody is there."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not _runs(server):
            raise RuntimeError("The server of the SDK ended at once")
        with socket.create_connection(("127.0.0.1", port), timeout=_START_SECONDS) as connection:
            connection.settimeout(1)
            try:
                # Whatever the server speaks, it answers this with something or hangs up.
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.recv(16)
            except TimeoutError:
                continue
            except OSError:
                return
            return
    raise RuntimeError("The server of the SDK did not start")
