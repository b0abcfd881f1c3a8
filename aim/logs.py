"""One JSON line an event, with the correlation id of the request it belongs to and nothing secret."""

import logging
import logging.config
import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

_SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|api_key|signature|private", re.IGNORECASE)
_SECRET_TEXTS = re.compile(r"\b(aimp?_)[A-Za-z0-9_-]{8,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _scrub_value(value: object) -> object:
    if isinstance(value, str):
        visible = _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", value)
        return _SECRET_TEXTS.sub(r"\1[hidden]", visible)
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub_value(item) for item in value]
    return value


def _hidden(name: str, value: object) -> object:
    return "[hidden]" if _SECRET_NAMES.search(name) else _scrub_value(value)


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what looks like a secret, and write control characters as escapes so that no text can forge a line."""
    for name, value in event.items():
        event[name] = _hidden(name, value)
    return event


def add_correlation_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if identifier := correlation_id.get():
        event.setdefault("correlation_id", identifier)
    return event


def configure_logging(options: Mapping[str, str]) -> None:
    """Send the standard library's and structlog's events through one JSON renderer to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        add_correlation_id,
        scrub,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.JSONRenderer(),
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            # The addresses of other people's servers may hold secrets, and a health check is no event.
            "loggers": {
                "uvicorn.error": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
