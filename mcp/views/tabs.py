"""The tabs of a server's page: what each is drawn with."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.selectors import agents_visible_to
from aim import clock
from aim.console.lists import chips_of
from mcp.assessment import assess
from mcp.attempts import METHODS, STATES, AttemptFilters, attempts_page, trend_of
from mcp.changes import server_changes
from mcp.configuration import configuration_of, notices_of
from mcp.event_list import chosen_severities, events_page, severity_facet
from mcp.figures import attempts_of, connected_agents, uptime_of, use_of
from mcp.health_list import RESULTS, HealthFilters, health_page
from mcp.identity import identity_of
from mcp.keys import day_of
from mcp.models import Credential, KeyRotation, McpServer, VerificationRun
from mcp.offering_list import offerings_of
from mcp.registration_form import CREDENTIAL_LABELS
from mcp.selectors import history_of
from mcp.services.health import KEPT
from mcp.services.rotation import rotation_under_way
from mcp.tabs import ServerTab, register_tab
from mcp.tool_list import tools_of

HISTORY_SHOWN = 100
_MONTH = timedelta(days=30)


def _overview(_request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    notices = notices_of(configuration_of(server), has_key=bool(server.keys.all()))
    return {
        "uptime": uptime_of(server),
        "uptime_month": uptime_of(server, since=_MONTH),
        "use": use_of(server),
        "warnings": [notice["message"] for notice in notices if notice["level"] == "warning"],
        "tools_on": server.tools.filter(enabled=True).count(),
        "tools_held": server.tools.exclude(held_reason="").count(),
        "tools_total": server.tools.count(),
    }


def _identity(_request: HttpRequest, actor: Actor, server: McpServer) -> Mapping[str, Any]:
    identity, attempts = identity_of(server), attempts_of(server)
    under_way = rotation_under_way(server)
    waits = under_way is not None and under_way.state == KeyRotation.State.CONFIRMING
    rotations = server.rotations.select_related("old_key", "new_key", "started_by")
    done = rotations.filter(state=KeyRotation.State.COMPLETED).order_by("-completed_at")
    return {
        "identity": identity,
        "attempts": attempts,
        "assessment": assess(server, identity, attempts),
        "rotation": under_way,
        "rotation_day": _day(under_way),
        "may_confirm_rotation": waits
        and actor.may(Permission.MCP_ATTEST)
        and under_way is not None
        and under_way.started_by_id not in {None, actor.id},
        "active_keys": [key for key in (identity.leaving, identity.key, identity.coming) if key],
        "rotations": list(done[:20]),
        "last_rotation": done.first(),
    }


def _day(rotation: KeyRotation | None) -> int:
    if rotation is None or rotation.proved_at is None:
        return 0
    return day_of(rotation.proved_at, rotation.days, clock.now())


def _capabilities(_request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    return {"tools": tools_of(server), "offer": _last_offer(server), "offerings": offerings_of(server)}


def _last_offer(server: McpServer) -> Mapping[str, Any]:
    """What the last good run has counted beside the tools: protocol, the server's own name, resources and prompts."""
    runs = server.runs.filter(state=VerificationRun.State.SUCCEEDED, purpose=VerificationRun.Purpose.VERIFICATION)
    run = runs.order_by("-id").first()
    steps = run.steps if run else []
    return next((step["facts"] for step in steps if step["name"] == "capabilities" and step["facts"]), {})


def _certificates(_request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    return {"certificates": list(server.certificates.order_by("-current", "-last_seen_at")[:50])}


def _attempts(request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    filters = AttemptFilters.read(request.GET)
    return {
        "filters": filters,
        "page": attempts_page(server, request.GET, filters),
        "trend": trend_of(server, filters),
        "states": STATES.items(),
        "methods": [(method, VerificationRun.Method(method).label) for method in METHODS],
    }


def _health(request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    filters = HealthFilters.read(request.GET)
    return {
        "filters": filters,
        "page": health_page(server, request.GET, filters),
        "results": RESULTS,
        "kept_days": KEPT.days,
    }


def _agents(_request: HttpRequest, actor: Actor, server: McpServer) -> Mapping[str, Any]:
    return {"connected": connected_agents(agents_visible_to(actor), server)}


def _events(request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    severities = chosen_severities(request.GET)
    facet = severity_facet(server, severities)
    return {
        "facet": facet,
        "chips": chips_of([facet], request.path, request.GET),
        "page": events_page(server, request.GET, severities),
        "any": bool(severities),
    }


def _configuration(_request: HttpRequest, _actor: Actor, server: McpServer) -> Mapping[str, Any]:
    credential = Credential.objects.filter(server=server).first()
    return {
        "changes": server_changes(history_of(server)[:HISTORY_SHOWN]),
        "credential": credential,
        "credential_facts": [
            (CREDENTIAL_LABELS.get(name, name.replace("_", " ").capitalize()), value)
            for name, value in (credential.shown if credential else {}).items()
            if value
        ],
    }


register_tab(ServerTab("overview", _("Overview"), 10, "mcp/tab_overview.html", _overview))
register_tab(ServerTab("identity", _("Cryptographic Identity"), 20, "mcp/tab_identity.html", _identity))
register_tab(ServerTab("capabilities", _("Capabilities"), 30, "mcp/tab_capabilities.html", _capabilities))
register_tab(ServerTab("certificates", _("Certificates"), 40, "mcp/tab_certificates.html", _certificates))
register_tab(ServerTab("attempts", _("Verification History"), 50, "mcp/tab_attempts.html", _attempts))
register_tab(ServerTab("health", _("Health Checks"), 55, "mcp/tab_health.html", _health))
register_tab(ServerTab("agents", _("Connected Agents"), 60, "mcp/tab_agents.html", _agents))
register_tab(ServerTab("events", _("Security Events"), 70, "mcp/tab_events.html", _events))
register_tab(ServerTab("configuration", _("Configuration"), 80, "mcp/tab_configuration.html", _configuration))
