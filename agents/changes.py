"""An agent's history in words: who did what when, with before and after of each field."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry

WORDS: Mapping[str, Promise] = {
    Event.AGENT_REGISTERED: _("Registered"),
    Event.AGENT_UPDATED: _("Configuration changed"),
    Event.AGENT_VERIFIED: _("Verified by its key"),
    Event.AGENT_REVERIFIED: _("Verified again by its key"),
    Event.AGENT_ATTESTED: _("Verified by attestation"),
    Event.AGENT_SUSPENDED: _("Suspended"),
    Event.AGENT_RESUMED: _("Resumed"),
    Event.AGENT_REVOKED: _("Revoked"),
    Event.API_KEY_CREATED: _("API key made"),
    Event.API_KEY_REVOKED: _("API key revoked"),
    Event.PUBLIC_KEY_PROPOSED: _("New public key proposed"),
    Event.PUBLIC_KEY_PROVED: _("New public key proved"),
    Event.PUBLIC_KEY_ACTIVATED: _("Public key changed"),
    Event.CHALLENGE_ISSUED: _("Challenge issued"),
    Event.CHALLENGE_FAILED: _("Challenge failed"),
    Event.TRUST_CHANGED: _("Trust moved"),
    Event.TRUST_BASELINE_SET: _("Trust set anew"),
    Event.TRUST_TAMPERED: _("Trust was manipulated"),
}
_TONES: Mapping[str, str] = {
    Event.AGENT_SUSPENDED: "denied",
    Event.AGENT_REVOKED: "denied",
    Event.CHALLENGE_FAILED: "denied",
    Event.TRUST_TAMPERED: "critical",
    Event.AGENT_VERIFIED: "accent",
    Event.AGENT_REVERIFIED: "accent",
    Event.AGENT_ATTESTED: "accent",
    Event.AGENT_RESUMED: "accent",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry, ready for the template; `reason` is None where there is none or it was erased."""

    at: datetime | None
    kind: str
    words: Promise | str
    tone: str
    who: str
    reason: str | None
    fields: list[FieldChange]


def changes_of(
    entries: Iterable[Entry], *, words: Mapping[str, Promise] = WORDS, tones: Mapping[str, str] = _TONES
) -> list[Change]:
    """`words` and `tones` are those of the events that the subject's entries may have."""
    return [_change(read_entry(entry), words, tones) for entry in entries]


def _change(entry: Mapping[str, Any], words: Mapping[str, Promise], tones: Mapping[str, str]) -> Change:
    data, actor = entry["data"], entry["actor"]
    return Change(
        at=parse_datetime(entry["at"]),
        kind=entry["kind"],
        words=words.get(entry["kind"], entry["kind"]),
        tone=tones.get(entry["kind"], ""),
        who=actor.get("label") or actor["kind"],
        reason=data.get("reason"),
        fields=_fields(data.get("changes")),
    )


def _fields(changed: Any) -> list[FieldChange]:
    """Changes by field, or the same as a list with paths."""
    pairs: list[tuple[str, Any]] = list(changed.items()) if isinstance(changed, dict) else []
    if isinstance(changed, list):
        pairs = [(values.get("path", ""), values) for values in changed if isinstance(values, dict)]
    return [
        FieldChange(field, _shown(values.get("before")), _shown(values.get("after")))
        for field, values in pairs
        if isinstance(values, dict)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value in (None, "") else value if isinstance(value, str) else json.dumps(value)
