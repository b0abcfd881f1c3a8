"""Decisions by the classes of data that they were about, as the follower `data_classes` has noted them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.contracts import Actor
from aim import lookups as _lookups  # noqa: F401 - registers `any_of`
from aim.api.pagination import Cursor
from aim.ids import uuid7_floor
from verification.models import ClassifiedDecision, DataClass, Verification
from verification.policy_selectors import data_classes_visible_to

LOOKED: Final = 1000
"""Where other filters are on as well, so many of the newest of a class are looked through for one page."""
_LAST: Final = UUID(int=(1 << 128) - 1)
# Each class by itself, newest first, out of the key alone; then the newest of all.
_NEWEST = """
SELECT DISTINCT f.verification_id FROM unnest(%s::uuid[]) AS c(id) CROSS JOIN LATERAL (
    SELECT d.verification_id FROM verification_classifieddecision d
    WHERE d.data_class_id = c.id AND d.verification_id >= %s AND d.verification_id < %s
    ORDER BY d.verification_id DESC LIMIT %s
) f ORDER BY f.verification_id DESC LIMIT %s
"""


def classes_named(actor: Actor, names: Sequence[str]) -> list[DataClass]:
    return list(data_classes_visible_to(actor).filter(name__in=names)) if names else []


def of_classes(classes: Collection[DataClass]) -> QuerySet[ClassifiedDecision]:
    return ClassifiedDecision.objects.filter(data_class_id__in=[one.id for one in classes])


def newest_of_classes(
    classes: Collection[DataClass], *, since: datetime, until: datetime | None, most: int
) -> list[UUID]:
    """The newest decisions about any of the classes within the time, at most so many."""
    ids = [one.id for one in classes]
    end = _LAST if until is None else uuid7_floor(until.timestamp())
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [ids, uuid7_floor(since.timestamp()), end, most, most])
        return [row[0] for row in cursor.fetchall()]


def of_class_beside(
    rows: QuerySet[Verification], class_id: UUID, cursor: Cursor | None, *, count: int
) -> QuerySet[Verification]:
    """Those of the rows that are of the class, so that `count` of them from the cursor on are found soon.

    Those of a class that is rare are named. Of one that is frequent the rows are looked through, each by itself, from
    the first that can be one.
    """
    noted = ClassifiedDecision.objects.filter(data_class_id=class_id)
    newer = cursor is not None and cursor.newer
    if cursor is not None:
        noted = noted.filter(**{"verification_id__gt" if newer else "verification_id__lt": cursor.id})
    ordered = noted.order_by("verification_id" if newer else "-verification_id")
    ids = list(ordered.values_list("verification_id", flat=True)[:LOOKED])
    named = rows.filter(id__any_of=ids)
    if len(ids) < LOOKED or (count and len(named.values("id")[:count]) == count):
        return named
    # Each is looked up in the key: taken together, PostgreSQL may gather all that ever were of the class.
    one = ClassifiedDecision.objects.filter(data_class_id=class_id, verification_id=OuterRef("id"))
    seen = rows.filter(**{"id__gte" if newer else "id__lte": ids[0]})
    return seen.alias(of_class=Subquery(one.values("verification_id")[:1])).filter(of_class__isnull=False)


def classes_of(actor: Actor, verification: Verification) -> list[str]:
    """The names of the classes that the decision was about; of those that were deleted since, nothing is said."""
    noted = ClassifiedDecision.objects.filter(verification_id=verification.id).values("data_class_id")
    return list(data_classes_visible_to(actor).filter(id__in=noted).order_by("name").values_list("name", flat=True))
