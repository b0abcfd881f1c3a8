"""The words of decisions, indexed apart so that the decision itself pays nothing for being found later.

The follower `documents` writes them. A text that is frequent is found among the newest decisions by looking at them;
one that is rare by the index. So neither way reads more than some ten thousand rows.
"""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from accounts.contracts import Actor
from aim import lookups as _lookups  # noqa: F401 - registers `any_of`
from aim.api.pagination import Cursor, beside
from verification.models import Document, Verification

NEWEST = 4000
FREQUENT = 80
"""What so many of the newest have is found sooner by looking at one after the other than by the index, which has to
gather all that ever had it."""
_LAG = 60_000 << 80
"""A minute in the bits of an id. So much older than the newest decision that has words may one be that has none yet."""
MOST_WORDS = 12
# Gathered before they are sorted: in the order of the key, PostgreSQL would go through all decisions for a rare word.
_BY_INDEX = """
WITH found AS MATERIALIZED (
    SELECT verification_id FROM verification_document WHERE organization_id = %s AND words @@ {}('simple', %s)
)
SELECT verification_id FROM found WHERE verification_id < %s ORDER BY verification_id DESC LIMIT %s
"""
_BY_INDEX_FROM = """
WITH found AS MATERIALIZED (
    SELECT verification_id FROM verification_document WHERE organization_id = %s AND words @@ to_tsquery('simple', %s)
)
SELECT verification_id FROM found WHERE verification_id > %s ORDER BY verification_id LIMIT %s
"""
_SAMPLE, _MANY = 1000, 50
"""What so many of so many neighbouring texts have is sooner found by going on among them than by the index."""
MOST_BEYOND, _MOST_RARE = 1000, 10_000
"""So many that have a text are named where other filters will leave few of them: of a rare one, more."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def words_of(*texts: str) -> str:
    """The words of the texts in lower case: what stands between anything that is no letter and no digit."""
    return " ".join(dict.fromkeys([word.lower()[:64] for word in _WORD.findall(" ".join(texts))]))


def matching_ids(actor: Actor, text: str, rows: QuerySet[Verification], *, most: int) -> list[UUID]:
    """The newest of the rows whose words begin with those of the text, at most so many."""
    words = words_of(text).split()[:MOST_WORDS]
    if not words:
        return []
    edge = oldest_of(rows, NEWEST)
    newest = rows if edge is None else rows.filter(id__gte=edge)
    found = _newest_ids(newest.filter(_contained(text)), most)
    if edge is None or len(found) >= most:
        return found
    left = most - len(found)
    if len(found) < FREQUENT:
        return found + _by_index("to_tsquery", actor, _begins(words), before=edge, most=left)
    older = _documents(actor, words).filter(verification_id__lt=edge).order_by("-verification_id")
    return found + list(older.values_list("verification_id", flat=True)[:left])


def matching_beside(
    actor: Actor, text: str, rows: QuerySet[Verification], cursor: Cursor | None, *, count: int
) -> list[UUID]:
    """As `matching_ids`, for lists that go on as far as anything matches: the next from the cursor on.

    At least `count` of the rows, where there are as many. Behind the nearest rows, what is not frequent among them is
    told by its words alone: other filters are left to the caller, who gets at least `MOST_BEYOND` for them.
    """
    words = words_of(text).split()[:MOST_WORDS]
    if not words:
        return []
    near = beside(rows, cursor).values_list("id", flat=True)
    edge = next(iter(near[NEWEST - 1 : NEWEST]), None)
    newer = cursor is not None and cursor.newer
    close = near if edge is None else near.filter(**{"id__lte" if newer else "id__gte": edge})
    found = list(close.filter(_contained(text))[:count])
    if edge is None or len(found) >= count:
        return found
    if len(found) >= FREQUENT:
        # Some in a hundred have it: the others are near.
        return list(near.filter(_contained(text))[:count])
    beyond = Document.objects.filter(
        **{"verification_id__gt" if newer else "verification_id__lt": edge}, organization_id=actor.scope
    ).order_by("verification_id" if newer else "-verification_id")
    query = SearchQuery(_begins(words), search_type="raw", config="simple")
    sample = beyond.annotate(fits=ExpressionWrapper(Q(words=query), BooleanField())).values_list("fits", flat=True)
    if sum(sample[:_SAMPLE]) >= _MANY:
        return found + list(beyond.filter(words=query).values_list("verification_id", flat=True)[:MOST_BEYOND])
    if not newer:
        return found + _by_index("to_tsquery", actor, _begins(words), before=edge, most=_MOST_RARE)
    with connection.cursor() as database:
        database.execute(_BY_INDEX_FROM, [actor.scope, _begins(words), edge, _MOST_RARE])
        return found + [row[0] for row in database.fetchall()]


def having(
    actor: Actor, rows: QuerySet[Verification], exact: Mapping[str, str], *, most: int
) -> tuple[QuerySet[Verification], int]:
    """The rows with exactly these values of `user_id` and `session_id`, and how many there are, counted up to `most`.

    The decisions have no index of these: the words lead to the few that may have them, and each is looked at.
    """
    matched = rows.filter(**exact)
    edge, words = oldest_of(rows, NEWEST), words_of(*exact.values())
    if edge is not None and words:
        # Here nothing may be missed: all that is not certain to have its words yet is looked at.
        written = Document.objects.order_by("-verification_id").values_list("verification_id", flat=True).first()
        edge = min(edge, UUID(int=max(0, written.int - _LAG if written else 0)))
        ids = _newest_ids(matched.filter(id__gte=edge), most)
        if len(ids) >= FREQUENT:
            ids += _newest_ids(matched.filter(id__lt=edge), most - len(ids))
        else:
            candidates = _by_index("plainto_tsquery", actor, words, before=edge, most=most)
            ids += _newest_ids(matched.filter(id__in=candidates), most - len(ids))
            if len(candidates) == most and len(ids) < most:
                # Other texts of the same words are in the way.
                ids = _newest_ids(matched, most)
    else:
        ids = _newest_ids(matched, most)
    return (rows.filter(id__any_of=ids) if len(ids) < most else matched), len(ids)


def oldest_of(rows: QuerySet[Verification], newest: int) -> UUID | None:
    """The oldest of the newest rows; None where there are so few that all can be looked at."""
    return next(iter(rows.order_by("-id").values_list("id", flat=True)[newest - 1 : newest]), None)


def _newest_ids(rows: QuerySet[Verification], most: int) -> list[UUID]:
    return list(rows.order_by("-id").values_list("id", flat=True)[:most])


def _by_index(how: str, actor: Actor, query: str, *, before: UUID, most: int) -> list[UUID]:
    """Those before `before` whose words fit, newest first; for what is rare, as all that fit are gathered."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX.format(how), [actor.scope, query, before, most])
        return [row[0] for row in cursor.fetchall()]


def matching(actor: Actor, text: str) -> Q:
    """All that the text finds, one way or the other, without a bound: for files."""
    words = words_of(text).split()[:MOST_WORDS]
    if not words:
        return Q(pk__in=[])
    return _contained(text) | Q(id__in=_documents(actor, words).values("verification_id"))


def _contained(text: str) -> Q:
    return Q(resource__icontains=text) | Q(user_id__icontains=text) | Q(session_id__icontains=text)


def _documents(actor: Actor, words: Sequence[str]) -> QuerySet[Document]:
    query = SearchQuery(_begins(words), search_type="raw", config="simple")
    return Document.objects.filter(organization_id=actor.scope, words=query)


def _begins(words: Sequence[str]) -> str:
    return " & ".join(f"{word}:*" for word in words)
