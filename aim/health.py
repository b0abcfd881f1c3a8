"""What a load balancer and an operator ask: is the process alive, and can it do its work."""

from collections.abc import Callable
from hmac import compare_digest

from django.conf import settings
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from aim.client_address import client_address
from aim.environment import environment
from aim.ledger.partitions import missing_partitions

Part = Callable[[], str | None]
_parts: dict[str, Part] = {}
_watched: dict[str, Part] = {}
_collectors: list[Collector] = []


def readiness(name: str) -> Callable[[Part], Part]:
    """Register what must hold before this process may serve: a function answering None, or the reason why not."""

    def register(part: Part) -> Part:
        _parts[name] = part
        return part

    return register


def watched(name: str) -> Callable[[Part], Part]:
    """Register what `/readyz` tells of without taking this process out of service: decisions do not need it."""

    def register(part: Part) -> Part:
        _watched[name] = part
        return part

    return register


def scraped(collector: Collector) -> None:
    """Register metrics that are read anew at each scrape, instead of being counted by the processes."""
    _collectors.append(collector)


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is promised."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """503 when a part does not work that decisions need; what only follows them makes it `degraded`."""
    reasons = {name: part() for name, part in _parts.items()}
    warnings = {name: part() for name, part in _watched.items()}
    refused = any(reason is not None for reason in reasons.values())
    degraded = any(reason is not None for reason in warnings.values())
    status = "not ready" if refused else "degraded" if degraded else "ready"
    parts = {name: reason or "ok" for name, reason in {**reasons, **warnings}.items()}
    return JsonResponse({"status": status, "parts": parts}, status=503 if refused else 200)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics of all processes of this machine: with the token, or from loopback where none is set."""
    if not _may_scrape(request):
        return JsonResponse({"detail": "Not found."}, status=404)
    registry = REGISTRY
    if environment.metrics_folder is not None:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    read_now = CollectorRegistry()
    for collector in _collectors:
        read_now.register(collector)
    return HttpResponse(generate_latest(registry) + generate_latest(read_now), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN is not None:
        offered = request.headers.get("Authorization", "")
        return compare_digest(offered.encode(), b"Bearer " + settings.METRICS_TOKEN.get_secret_value().encode())
    address = client_address(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For"))
    return address in {"127.0.0.1", "::1"}


@readiness("database")
def _database() -> str | None:
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"cannot be reached: {type(error).__name__}"
    return None


@readiness("migrations")
def _migrations() -> str | None:
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"
    return f"{len(plan)} to apply: run manage.py migrate" if plan else None


@readiness("partitions")
def _partitions() -> str | None:
    try:
        missing = missing_partitions()
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"
    return f"missing: {', '.join(missing)}" if missing else None


@readiness("cache")
def _cache() -> str | None:
    try:
        cache.get("readyz")
    except (RedisError, OSError) as error:
        return f"cannot be reached: {type(error).__name__}"
    return None
