"""A server's security events as people look at them: by severity, as CSV and as JSON."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from aim.console.lists import Facet, Page, chosen_order, chosen_values, keyset_page, make_facet
from mcp.models import McpServer, SecurityEvent

SEVERITIES = tuple(SecurityEvent.Severity.values)
_COLUMNS = ("id", "timestamp", "severity", "kind", "text")


def chosen_severities(parameters: QueryDict) -> list[str]:
    return chosen_values(parameters, "severity", SEVERITIES)


def events_of(server: McpServer, severities: list[str]) -> QuerySet[SecurityEvent]:
    events = SecurityEvent.objects.filter(server=server)
    return events.filter(severity__in=severities) if severities else events


def events_page(server: McpServer, parameters: QueryDict, severities: list[str]) -> Page[SecurityEvent]:
    events = events_of(server, severities)
    order = chosen_order(QueryDict("sort=-at"), {"at": "id"}, default="-at")
    return keyset_page(events, order, parameters, total=events.order_by().count())


def severity_facet(server: McpServer, severities: list[str]) -> Facet:
    counts = dict(
        SecurityEvent.objects.filter(server=server)
        .order_by()
        .values("severity")
        .annotate(n=Count("id"))
        .values_list("severity", "n")
    )
    choices = SecurityEvent.Severity.choices
    options: list[tuple[str, Any, int | None]] = [(value, words, counts.get(value, 0)) for value, words in choices]
    return make_facet("severity", _("Severity"), options, severities)


def events_csv(server: McpServer, severities: list[str]) -> Iterator[list[Any]]:
    yield list(_COLUMNS)
    for event in events_of(server, severities).iterator(chunk_size=500):
        yield [event.public_id, event.at.isoformat(), event.severity, event.kind, event.text]


def events_json(server: McpServer, severities: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": event.public_id,
            "timestamp": event.at.isoformat(),
            "severity": event.severity,
            "kind": event.kind,
            "text": event.text,
            "data": event.data,
        }
        for event in events_of(server, severities).iterator(chunk_size=500)
    ]
