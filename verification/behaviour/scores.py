"""How unlike itself an agent was in its last decisions, read back from their records: score and what it was made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.contracts import Actor
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from verification.models import Verification
from verification.selectors import verifications_visible_to

SHOWN = 100
_WRITTEN = re.compile(r"(\d{1,3}) %(?:: ([^;]*))?")
_PART = re.compile(r"([a-z ]+) (\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """A way in which the request was unlike the agent, and the points that it gave."""

    name: str
    points: int


@dataclass(frozen=True, slots=True)
class AnomalyScore:
    verification: Verification
    percent: int
    parts: tuple[Part, ...]


def read_score(detail: str) -> tuple[int, tuple[Part, ...]] | None:
    """From what the check `anomaly` has written, such as "93 %: new destination 45, large volume 38; threshold 80 %".

    None where it was switched off, or where the text was erased.
    """
    found = _WRITTEN.match(detail)
    if found is None:
        return None
    parts = tuple(Part(name.strip(), int(points)) for name, points in _PART.findall(found[2] or ""))
    return min(100, int(found[1])), parts


def last_scores(actor: Actor, agent_id: UUID) -> list[AnomalyScore]:
    """Of the newest decisions that the actor may see, newest first, without those that were not scored."""
    rows = list(verifications_visible_to(actor).filter(agent_id=agent_id).order_by("-id")[:SHOWN])
    details = _details_of([row.id for row in rows])
    found = []
    for row in rows:
        read = read_score(details.get(row.id, ""))
        if read is not None:
            found.append(AnomalyScore(row, *read))
    return found


def _details_of(ids: Sequence[UUID]) -> dict[UUID, str]:
    """What the check wrote in each of the decisions."""
    texts = {}
    for entry in Entry.objects.filter(id__in=ids):
        data = read_entry(entry)["data"]
        # Entries of the first version hold the detail in the line.
        details = data.get("details") or [line.get("detail") for line in data["checks"]]
        for line, detail in zip(data["checks"], details, strict=False):
            if line["name"] == "anomaly" and line["result"] != "not_run":
                texts[entry.id] = str(detail or "")
    return texts
