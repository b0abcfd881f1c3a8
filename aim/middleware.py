"""Gives every request a correlation id, sends it back, and logs how the request ended."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from aim.logs import correlation_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
log = structlog.get_logger("aim.request")


def accept_request_id(offered: str | None) -> str:
    """The caller's own id when it is harmless text, otherwise a new one."""
    return offered if offered and REQUEST_ID.fullmatch(offered) else uuid4().hex


class RequestLogMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identifier = accept_request_id(request.headers.get("X-Request-ID"))
        token = correlation_id.set(identifier)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = identifier
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        finally:
            correlation_id.reset(token)
        return response
