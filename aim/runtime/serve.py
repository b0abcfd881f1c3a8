"""One web process: `python -m aim.runtime.serve --port 8000`, or `--fd N` for a socket the supervisor has bound."""

import argparse
import os
import socket
from importlib import import_module

import uvicorn


def listen(*, host: str, port: int) -> socket.socket:
    """Bind and listen; raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def serve(sock: socket.socket, *, graceful_seconds: int) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT, then finish what has begun.

    Forwarded headers are not believed here: `aim.middleware` judges them by AIM_TRUSTED_PROXIES.
    """
    # Both need Django set up, which the application's module sees to.
    asgi = import_module("aim.asgi")
    config = uvicorn.Config(
        asgi.application,
        loop="uvloop",
        http=asgi.DecisionProtocol,
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ws_max_size=1_024,
        # It costs memory for each socket and time for each message; small messages on the way to a proxy do not
        # repay it.
        ws_per_message_deflate=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=graceful_seconds,
    )
    uvicorn.Server(config).run(sockets=[sock])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m aim.runtime.serve", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="a listening socket, inherited")
    where.add_argument("--port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--graceful-seconds", type=int, default=20, help="how long requests in flight may take to end")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")
    sock = listen(host=options.host, port=options.port) if options.fd is None else socket.socket(fileno=options.fd)
    serve(sock, graceful_seconds=options.graceful_seconds)


if __name__ == "__main__":
    main()
