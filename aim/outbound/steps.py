"""The steps of a run, as the page and the API show them while it is under way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from aim.outbound.problems import ErrorCode, ProbeError


class Name(StrEnum):
    CONNECT = "connect"
    AUTHENTICATE = "authenticate"
    TLS = "tls"
    HEALTH = "health"
    CAPABILITIES = "capabilities"
    CHALLENGE = "challenge"
    SIGNATURE = "signature"


TITLES: dict[Name, str] = {
    Name.CONNECT: "Connect to server URL",
    Name.AUTHENTICATE: "Authenticate",
    Name.TLS: "Verify TLS certificate",
    Name.HEALTH: "Check health endpoint",
    Name.CAPABILITIES: "Enumerate capabilities",
    Name.CHALLENGE: "Send cryptographic challenge",
    Name.SIGNATURE: "Validate cryptographic signature",
}


@dataclass
class Step:
    """`result` is waiting, running, passed, failed or skipped; `ms` how long it took, in milliseconds."""

    name: str
    title: str
    result: str = "waiting"
    detail: str = ""
    ms: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """There is nothing to do in this step, for the reason given."""


def steps_of(names: tuple[Name, ...], **titles: str) -> list[Step]:
    return [Step(name.value, titles.get(name.value, TITLES[name])) for name in names]


class Progress:
    """Runs steps one after another. Once one has failed, the others are skipped.

    `changed` is told as each step begins, with how the one before it has ended; the end of the last is for whoever
    keeps what the steps lead to. So a run is written half as often, and who follows it sees the same.
    """

    def __init__(self, steps: list[Step], changed: Callable[[list[dict[str, Any]]], None]) -> None:
        self._steps = {step.name: step for step in steps}
        self._changed = changed

    def has(self, name: Name) -> bool:
        return name.value in self._steps

    def step(self, name: Name) -> Step:
        return self._steps[name.value]

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self._steps.values()]

    @contextmanager
    def running(self, name: Name) -> Iterator[Step]:
        """The step while it runs; a `ProbeError` fails it and goes on to the caller, `Skipped` skips it."""
        step = self.step(name)
        step.result = "running"
        self._changed(self.shown())
        started = time.perf_counter()
        try:
            yield step
        except Skipped as reason:
            step.result, step.detail = "skipped", str(reason)
        except ProbeError as error:
            self._fail(step, error)
            raise
        else:
            step.result = "passed"
        finally:
            step.ms = round((time.perf_counter() - started) * 1000, 1) if step.result != "skipped" else None

    def _fail(self, failed: Step, error: ProbeError) -> None:
        failed.result = "failed"
        failed.detail = f"{error.text} {error.detail}".strip()
        if failed.name == Name.AUTHENTICATE and error.code in _OF_CERTIFICATES and self.has(Name.TLS):
            # The certificate is looked at before anything is sent, so that nobody has been asked to authenticate.
            failed.result, failed.detail = "skipped", "Nothing was sent."
            tls = self.step(Name.TLS)
            tls.result, tls.detail = "failed", f"{error.text} {error.detail}".strip()
        for step in self._steps.values():
            if step.result == "waiting":
                step.result = "skipped"


_OF_CERTIFICATES = frozenset({ErrorCode.CERTIFICATE_INVALID, ErrorCode.CERTIFICATE_EXPIRED})
