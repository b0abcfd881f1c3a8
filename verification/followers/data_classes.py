"""Notes of which classes of data each decision was about, so that lists need not compare patterns.

A class is as it is when the decision is followed, a moment after it was made: what policies then went by. To judge
older decisions by the classes of today, let it follow anew: `manage.py followers replay data_classes`.
"""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from django.db import connection

from aim.arrays import uuid_array
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from aim.resources.patterns import Scope, compile_scope
from aim.resources.resource import normalize_resource
from aim.resources.text import HostileResourceError
from verification.models import DataClass

_ADD = """
INSERT INTO verification_classifieddecision (data_class_id, verification_id)
SELECT * FROM unnest(%s::uuid[], %s::uuid[])
ON CONFLICT DO NOTHING
"""
_COMPILED = 2000
Classes = list[tuple[UUID, Scope]]


@follower(name="data_classes", kinds={Event.VERIFICATION_DECIDED}, pause=1.0)
class DataClassesFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        classes = _classes_of({entry.organization_id for entry in entries if entry.organization_id})
        if not classes:
            return
        found = [
            (class_id, entry.id)
            for entry in entries
            if (known := classes.get(entry.organization_id))
            for class_id in _classes_in(known, (entry.body["data"]["action"] or {}).get("resource"))
        ]
        if not found:
            return
        class_ids, ids = zip(*found, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [uuid_array(class_ids), uuid_array(ids)])

    def reset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE verification_classifieddecision")


def _classes_of(organizations: set[UUID]) -> dict[UUID | None, Classes]:
    classes: dict[UUID | None, Classes] = {}
    rows = DataClass.objects.filter(organization_id__in=organizations).values_list("organization_id", "id", "patterns")
    for organization_id, class_id, patterns in rows:
        classes.setdefault(organization_id, []).append((class_id, _compiled(tuple(patterns))))
    return classes


@lru_cache(_COMPILED)
def _compiled(patterns: tuple[str, ...]) -> Scope:
    return compile_scope(patterns)


def _classes_in(known: Classes, resource: object) -> list[UUID]:
    """Those that policies would find in the resource; one that has two readings is of none, and was denied."""
    if not isinstance(resource, str):
        return []
    try:
        place = normalize_resource(resource)
    except HostileResourceError:
        return []
    return [class_id for class_id, scope in known if scope.allows(place)]
