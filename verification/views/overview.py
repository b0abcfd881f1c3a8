"""The overview: first what needs somebody, then how the day went."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.selectors import names_of, trust_movers
from aim import clock
from aim.console.charts import latency_chart
from aim.console.needs import needs_of, start_steps_of
from aim.console.pages import render_page
from verification.columns import VERIFICATION_LIST
from verification.coverage import coverage_of
from verification.figures import day_of
from verification.fragments import OVERVIEW
from verification.listing import CODE_WORDS
from verification.live.place import newest_place
from verification.rows import cells_of
from verification.selectors import verifications_visible_to
from verification.statistics.selectors import reasons, span_of

LATEST = 10


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    span = span_of("24h")
    assert span is not None
    after = newest_place()
    latest = list(verifications_visible_to(actor)[:LATEST])
    steps = start_steps_of(actor)
    figures, latencies = day_of(actor, span)
    columns = [name for name in VERIFICATION_LIST.usual_columns if name != "user"]
    context = {
        "needs": needs_of(actor),
        "steps": [] if all(step.done for step in steps) else steps,
        "figures": figures,
        "latency": latency_chart(latencies),
        "reasons": [(code, CODE_WORDS.get(code, code), count) for code, count in reasons(actor, span)[:6]],
        "movers": trust_movers(actor, since=clock.now() - timedelta(days=1)),
        "coverage": coverage_of(actor),
        "columns": columns,
        "latest": latest,
        "cells": cells_of(latest, names_of(actor, (row.agent_id for row in latest)), columns),
        "origin": settings.ORIGIN,
        "live_after": after,
    }
    return render_page(request, "verification/overview.html", context, fragments={OVERVIEW: "overview"})
