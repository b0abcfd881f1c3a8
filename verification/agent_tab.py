"""What an agent's page shows of its decisions."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from agents.tabs import AgentTab, register_tab
from verification.columns import VERIFICATION_LIST
from verification.figures import figures_for
from verification.live.place import newest_place
from verification.rows import cells_of
from verification.selectors import verifications_visible_to
from verification.statistics.selectors import span_of

SHOWN = 30


def _activity(_request: HttpRequest, actor: Actor, agent: Agent) -> Mapping[str, Any]:
    span = span_of("24h")
    assert span is not None
    after = newest_place()
    address = f"{reverse('verification:verification-list')}?agent={agent.public_id}"
    latest = list(verifications_visible_to(actor).filter(agent_id=agent.id)[:SHOWN])
    return {
        "latest": latest,
        "cells": cells_of(latest, {agent.id: agent.display_name}, VERIFICATION_LIST.usual_columns),
        "columns": VERIFICATION_LIST.usual_columns,
        "figures": figures_for(actor, span, agent_id=agent.id),
        "all_address": address,
        "live_after": after,
    }


register_tab(
    AgentTab(
        "activity",
        _("Activity"),
        20,
        "verification/tab_activity.html",
        _activity,
        Permission.VERIFICATIONS_READ,
    )
)
