"""The web process: the native lane for decisions, Django for all other HTTP, Channels for WebSockets."""

import asyncio
import gc
import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import WebsocketDenier
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import path, re_path

_django: Any = WSGIMiddleware(cast("Any", get_wsgi_application()), workers=8)

from accounts.consumers import NotificationsConsumer  # noqa: E402 - models exist only once Django is set up
from aim.checks import refuse_unsafe_settings  # noqa: E402
from verification.consumers import ActivityConsumer  # noqa: E402 - models exist only once Django is set up
from verification.engine import start_engine, stop_engine  # noqa: E402 - models exist only once Django is set up
from verification.lane import VerifyLane, own_door  # noqa: E402
from verification.protocol import DecisionProtocol  # noqa: E402
from verification.waiting import WaitLane  # noqa: E402

__all__ = ["DecisionProtocol", "application"]

_protocols = ProtocolTypeRouter(
    {
        "http": VerifyLane(WaitLane(_django), door=own_door()),
        "websocket": URLRouter(
            [
                path("ws/activity", ActivityConsumer.as_asgi()),
                path("ws/notifications", NotificationsConsumer.as_asgi()),
                re_path("", WebsocketDenier.as_asgi()),
            ]
        ),
    }
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application. The decision engine lives exactly as long as the process serves."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _protocols(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await asyncio.to_thread(refuse_unsafe_settings)
            except ImproperlyConfigured as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await start_engine()
            # What exists now lives as long as the process; walking it again at each collection costs up to 0.1 s.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            await send({"type": "lifespan.startup.complete"})
        else:
            await stop_engine()
            await send({"type": "lifespan.shutdown.complete"})
            return
