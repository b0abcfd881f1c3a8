"""A server of the official MCP SDK, in a process of its own: here `mcp` is the SDK and not our app.

Started once, it forks a server for each message on the socket whose descriptor is its first argument: the settings as
JSON, see `tests.mcp.sdk.running.Settings`, and with them the listening socket. It answers with the process id. What the
SDK takes to be loaded is so paid once. It is started with `-I`, so that nothing of the project can be imported by
accident; the responder is loaded by its path.
"""

# mypy: ignore-errors
# What it imports is installed elsewhere.

import base64
import hashlib
import hmac
import importlib.util
import json
import os
import re
import signal
import socket
import ssl
import sys
import time
from urllib.parse import quote_plus

import uvicorn
from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

SETTINGS = {}
_LONGEST_MESSAGE = 1 << 20


def load_responder():
    spec = importlib.util.spec_from_file_location("mcp_responder", SETTINGS["responder"])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Responder(
        private_key=SETTINGS["private_key"].encode(),
        url=SETTINGS["url"],
        audience=SETTINGS["audience"],
        next_keys=SETTINGS["next_keys"],
        previous_key=SETTINGS["previous_key"].encode() or None,
    )


def make_server():
    server = MCPServer("Lambda", version="3.2.1", instructions="Invoke functions by name.")

    @server.tool(description="Invokes a function", annotations=ToolAnnotations(destructive_hint=True))
    def invoke(function: str, payload: str = "") -> str:
        return f"{function}({payload})"

    @server.tool(description="Lists the functions")
    def list_functions() -> list[str]:
        return ["billing"]

    for number in range(SETTINGS["more_tools"]):
        server.add_tool(lambda: "", name=f"extra_{number:03}", description=f"Extra {number}")

    @server.resource("logs://recent")
    def recent() -> str:
        return "nothing"

    @server.prompt()
    def explain(function: str) -> str:
        return f"Explain {function}"

    return server


class Guard:
    """Lets in who authenticates by the configured method, as the documentation of AIM describes it to developers."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith("/token"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body, messages = b"", []
        while True:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if not message.get("more_body"):
                break

        async def again():
            return messages.pop(0) if messages else await receive()

        if self.admits(scope, headers, body):
            await self.app(scope, again, send)
        else:
            await JSONResponse({"error": "unauthorized"}, status_code=401)(scope, again, send)

    def admits(self, scope, headers, body):
        wanted = SETTINGS["auth"]
        match wanted.get("method"):
            case "bearer":
                return headers.get("authorization") == f"Bearer {wanted['token']}"
            case "header":
                return headers.get(wanted["header"]) == wanted["token"]
            case "hmac":
                return signed(scope, headers, body, wanted["key_id"], wanted["secret"].encode())
        return True


def signed(scope, headers, body, key_id, secret):
    """RFC 9421 with hmac-sha256, written from the RFC and not with our own code."""
    parameters = headers.get("signature-input", "").removeprefix("aim=")
    covered = re.findall(r'"([^"]+)"', parameters[: parameters.index(")")]) if ")" in parameters else []
    if (
        not {"@method", "@authority", "@path", "content-digest"} <= set(covered)
        or f'keyid="{key_id}"' not in parameters
    ):
        return False
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
    if headers.get("content-digest") != digest:
        return False
    values = {
        "@method": scope["method"],
        "@authority": headers["host"],
        "@path": scope["raw_path"].decode(),
        "@query": "?" + scope["query_string"].decode(),
        "content-digest": digest,
    }
    base = "".join(f'"{name}": {values[name]}\n' for name in covered) + f'"@signature-params": {parameters}'
    expected = base64.b64encode(hmac.new(secret, base.encode(), hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers.get("signature", ""), f"aim=:{expected}:")


async def token(request):
    form = (await request.body()).decode()
    wanted = SETTINGS["auth"]
    pair = f"{quote_plus(wanted['client_id'])}:{quote_plus(wanted['client_secret'])}"
    basic = base64.b64encode(pair.encode()).decode()
    if request.headers.get("authorization") != f"Basic {basic}" or "grant_type=client_credentials" not in form:
        return JSONResponse({"error": "invalid_client"}, status_code=401)
    return JSONResponse({"access_token": wanted["token"], "token_type": "Bearer", "expires_in": 60})


async def health(_request):
    return JSONResponse({"status": "ok"}, status_code=SETTINGS["health_status"])


class Stopwatch:
    """Sums up how long the server works on requests, and says so at `/spent`."""

    def __init__(self, app):
        self.app = app
        self.seconds = 0.0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/spent":
            await JSONResponse({"seconds": self.seconds})(scope, receive, send)
        else:
            begun, ended = time.perf_counter(), None

            async def noted(message):
                nonlocal ended
                await send(message)
                ended = time.perf_counter()

            await self.app(scope, receive, noted)
            # What an application does after its last byte is nobody's time but its own.
            self.seconds += (ended or time.perf_counter()) - begun


class OnlyLegacy:
    """Hides the newer era, as a server of an older SDK would not know it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and (b"mcp-protocol-version", b"2026-07-28") in scope["headers"]:
            await JSONResponse({"error": "Unsupported protocol version"}, status_code=400)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def main():
    mcp_app = make_server().streamable_http_app(json_response=SETTINGS["json"])
    responder = load_responder()
    routes = [
        Route("/health", health),
        Route("/token", token, methods=["POST"]),
        Route("/verify", responder),
        Route("/moved", responder),
        Mount("/", app=OnlyLegacy(mcp_app) if SETTINGS["era"] == "legacy" else mcp_app),
    ]
    app = Starlette(routes=routes, lifespan=lambda _app: mcp_app.router.lifespan_context(mcp_app))
    uvicorn.run(
        Stopwatch(Guard(app)),
        fd=SETTINGS["fd"],
        log_level="warning",
        ssl_certfile=SETTINGS["certificate"] or None,
        ssl_keyfile=SETTINGS["certificate_key"] or None,
        ssl_ca_certs=SETTINGS["client_authority"] or None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if SETTINGS["client_authority"] else ssl.CERT_NONE,
    )


def fork_servers(orders):
    """One for each message, until the other end is closed."""
    # Whoever has ended is gone at once, without being waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(orders, _LONGEST_MESSAGE, 1)
        if not message:
            return
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders.close()
            SETTINGS.update(json.loads(message), fd=descriptors[0])
            main()
            return
        os.close(descriptors[0])
        orders.send(str(child).encode())


fork_servers(socket.socket(fileno=int(sys.argv[1])))
