"""The values of a list of decisions' rows, for the markup in `verification/verification_table.html`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from aim.console.addresses import address_of
from aim.console.comb import kept_comb
from aim.console.parts import kept_part
from aim.templatetags.console import changed_address, left, middle, milliseconds, moment, shortened
from verification.models import Verification
from verification.selectors import checks_of_many

_PLACE = "place-of-the-id"


def cells_of(
    verifications: Sequence[Verification],
    names: Mapping[UUID, str],
    columns: Collection[str],
    *,
    drawer_on: HttpRequest | None = None,
) -> Iterator[Mapping[str, object]]:
    """Each decision with the name of its agent, as far as there is one. `drawer_on` is the page that shows one in its
    drawer. What no column shows is not made.
    """
    shows_checks = "checks" in columns
    checks = checks_of_many([row.id for row in verifications]) if shows_checks else {}
    drawer, _place, after = changed_address(drawer_on, d=_PLACE).rpartition(_PLACE) if drawer_on else ("", "", "")
    opening, language = _("Open %(name)s"), get_language()
    verdicts = {status: kept_part("verdict", {"status": status}) for status in ("approved", "denied")}
    for row in verifications:
        shown, name = row.public_id, names.get(row.agent_id)
        yield {
            "id": shown,
            "drawer": f"{drawer}{shown}{after}" if drawer_on else "",
            "page": "" if drawer_on else address_of("verification:verification-detail", shown),
            "opening": opening % {"name": row.action_type},
            "time": moment(row.created_at, "clock"),
            "verdict": verdicts.get(row.status) or _waiting(row),
            "checks": kept_comb(checks.get(row.id, ()), language) if shows_checks else "",
            "agent": shortened(name, 24) if name else "–",
            "action": row.action_type,
            "resource": middle(row.resource, 56),
            "whole_resource": row.resource,
            "user": middle(row.user_id, 20) or "–",
            "session": middle(row.session_id, 20) or "–",
            "reason": shortened(row.reason, 36) or "–",
            "code": row.code or "–",
            "duration": milliseconds(row.duration_us),
        }


def _waiting(row: Verification) -> SafeString:
    return kept_part("verdict", {"status": row.status, "left": left(row.expires_at) if row.expires_at else ""})
