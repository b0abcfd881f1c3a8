"""A server's single health checks: what was asked, by whom and what came of it; filtered, as CSV and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from aim import clock
from aim.console.lists import Page, chosen_order, keyset_page
from mcp.day_range import read_day, within_days
from mcp.models import Health, HealthSample, McpServer

RESULTS: Final = ((Health.HEALTHY.value, _("Healthy")), (Health.UNHEALTHY.value, _("Unhealthy")))
_HEALTHY = {value: value == Health.HEALTHY for value, _words in RESULTS}
_COLUMNS = ("timestamp", "result", "check", "trigger", "http_status", "response_ms", "error_code", "error_message")


@dataclass(frozen=True, slots=True)
class HealthFilters:
    """What the address asks for; what is no day or no result is left out."""

    begin: date | None
    end: date | None
    result: str

    @classmethod
    def read(cls, parameters: QueryDict) -> "HealthFilters":
        result = parameters.get("result", "")
        return cls(
            begin=read_day(parameters.get("from", "")),
            end=read_day(parameters.get("to", "")),
            result=result if result in _HEALTHY else "",
        )

    @property
    def any(self) -> bool:
        return bool(self.begin or self.end or self.result)

    def narrow(self, checks: QuerySet[HealthSample]) -> QuerySet[HealthSample]:
        """Days are those of the organization's zone."""
        checks = within_days(checks, "at", self.begin, self.end)
        return with_result(checks, self.result) if self.result else checks


def with_result(checks: QuerySet[HealthSample], result: str) -> QuerySet[HealthSample]:
    """`result` is one of `RESULTS`."""
    return checks.filter(healthy=_HEALTHY[result])


def checks_of(server: McpServer) -> QuerySet[HealthSample]:
    """Every single check that is still kept, newest first."""
    return HealthSample.objects.filter(server=server)


def health_page(server: McpServer, parameters: QueryDict, filters: HealthFilters) -> Page[HealthSample]:
    checks = filters.narrow(checks_of(server))
    order = chosen_order(QueryDict("sort=-at"), {"at": "at"}, default="-at")
    return keyset_page(checks, order, parameters, total=checks.order_by().count())


def health_rows(server: McpServer, filters: HealthFilters) -> Iterator[dict[str, Any]]:
    """What is taken along of each check, newest first."""
    for check in filters.narrow(checks_of(server)).iterator(chunk_size=500):
        yield {
            "timestamp": clock.show_time(check.at),
            "result": check.result,
            "check": check.way,
            "trigger": check.trigger,
            "http_status": check.http_status,
            "response_ms": None if check.response_ms is None else round(check.response_ms, 1),
            "error_code": check.error_code,
            "error_message": check.error,
        }


def health_csv(server: McpServer, filters: HealthFilters) -> Iterator[list[Any]]:
    """The head and the rows."""
    yield list(_COLUMNS)
    for row in health_rows(server, filters):
        yield [row[column] for column in _COLUMNS]
