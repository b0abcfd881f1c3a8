"""The values of a list of decisions' rows, for the markup in `verification/verification_table.html`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from agents.models import Agent
from aim.console.addresses import address_of
from aim.console.comb import drawn
from aim.console.parts import kept_part
from aim.templatetags.console import changed_address, left, middle, milliseconds, moment, shortened
from verification.models import Verification
from verification.selectors import checks_of_many

_PLACE = "place-of-the-id"


def cells_of(
    verifications: Sequence[Verification],
    agents: Mapping[UUID, Agent],
    columns: Collection[str],
    *,
    drawer_on: HttpRequest | None = None,
) -> Iterator[Mapping[str, object]]:
    """Each decision with its agent, as far as there is one. `drawer_on` is the page that shows one in its drawer."""
    checks = checks_of_many([row.id for row in verifications]) if "checks" in columns else {}
    drawer = changed_address(drawer_on, d=_PLACE) if drawer_on else ""
    opening = _("Open %(name)s")
    for row in verifications:
        agent, shown = agents.get(row.agent_id), row.public_id
        verdict: dict[str, str | int | None] = {"status": row.status}
        if row.status == Verification.Status.PENDING:
            verdict["left"] = left(row.expires_at) if row.expires_at else ""
        yield {
            "id": shown,
            "drawer": drawer.replace(_PLACE, shown),
            "page": address_of("verification:verification-detail", shown),
            "opening": opening % {"name": row.action_type},
            "time": moment(row.created_at, "clock"),
            "verdict": kept_part("verdict", verdict),
            "checks": drawn(checks.get(row.id, [])) if "checks" in columns else "",
            "agent": shortened(agent.display_name, 24) if agent and agent.display_name else "–",
            "action": row.action_type,
            "resource": middle(row.resource, 56),
            "whole_resource": row.resource,
            "user": middle(row.user_id, 20) or "–",
            "session": middle(row.session_id, 20) or "–",
            "reason": shortened(row.reason, 36) or "–",
            "code": row.code or "–",
            "duration": milliseconds(row.duration_us),
        }
