"""Servers that behave as a test tells them: a small honest one whose answers can be bent one by one."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

TOOL = {"name": "read_file", "description": "Reads a file", "inputSchema": {"type": "object"}}
Reply = tuple[int, dict[str, str], bytes]


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    return status, {"content-type": "application/json", **headers}, json.dumps(value).encode()


@dataclass
class Bent:
    """`bends` has by JSON-RPC method, or by path, what answers instead. `seen` has every request that arrived."""

    key: Any = None
    bends: dict[str, Callable[[dict[str, Any]], Reply]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    origin: str = ""

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def fields(self, **more: Any) -> dict[str, Any]:
        return {"url": self.url, "verification_url": f"{self.origin}/verify", "timeout_seconds": 2, **more}

    def answer(self, path: str, body: bytes) -> Reply:
        message = json.loads(body) if body else {}
        name = message.get("method", path)
        if name in self.bends:
            return self.bends[name](message)
        if path == "/verify":
            return as_json({"signature": base64.b64encode(self.key.sign(message["challenge"].encode())).decode()})
        results: dict[str, dict[str, Any]] = {
            "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}},
            "tools/list": {"tools": [TOOL]},
        }
        if name in results:
            return as_json({"jsonrpc": "2.0", "id": message["id"], "result": results[name]})
        return as_json({"jsonrpc": "2.0", "id": message.get("id"), "error": {"code": -32601, "message": "no"}})


@contextmanager
def bent_server(bent: Bent, *, leaf: trustme.LeafCert | None = None):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            bent.seen.append((self.command, self.path, headers, body))
            status, shown, answer = bent.answer(self.path, body)
            self.send_response(status)
            for name, value in {"content-length": str(len(answer)), **shown}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_DELETE = do_POST  # noqa: N815 - the names that the base class looks for

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_arguments: None
    if leaf is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    bent.origin = f"{'https' if leaf else 'http'}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield bent
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]):
    """A server that takes connections and then does what it likes; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

        def speak(connection: socket.socket) -> None:
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
