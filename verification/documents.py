"""The words of decisions, indexed apart so that the decision itself pays nothing for being found later.

The follower `documents` writes them. A text that is frequent is found among the newest decisions by looking at them;
one that is rare by the index. So neither way ever reads more than a few thousand rows.
"""

import re
from collections.abc import Sequence
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from accounts.contracts import Actor
from verification.models import Document, Verification

NEWEST = 4000
MOST_WORDS = 12
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def words_of(*texts: str) -> str:
    """The words of the texts in lower case: what stands between anything that is no letter and no digit."""
    return " ".join(dict.fromkeys([word.lower()[:64] for word in _WORD.findall(" ".join(texts))]))


def matching_ids(actor: Actor, text: str, rows: QuerySet[Verification], *, most: int) -> list[UUID]:
    """The newest of the rows whose words begin with those of the text, at most so many."""
    words = words_of(text).split()[:MOST_WORDS]
    if not words:
        return []
    newest = list(rows.order_by("-id").values_list("id", flat=True)[:NEWEST])
    if not newest:
        return []
    found = list(
        Verification.objects.filter(_contained(text), id__gte=newest[-1], id__in=newest)
        .order_by("-id")
        .values_list("id", flat=True)[:most]
    )
    if len(found) >= most or len(newest) < NEWEST:
        return found
    older = _documents(actor, words).filter(verification_id__lt=newest[-1])
    ids = older.order_by("-verification_id").values_list("verification_id", flat=True)
    return found + list(ids[: most - len(found)])


def matching(actor: Actor, text: str) -> Q:
    """All that the text finds, one way or the other, without a bound: for files."""
    words = words_of(text).split()[:MOST_WORDS]
    if not words:
        return Q(pk__in=[])
    return _contained(text) | Q(id__in=_documents(actor, words).values("verification_id"))


def _contained(text: str) -> Q:
    return Q(resource__icontains=text) | Q(user_id__icontains=text) | Q(session_id__icontains=text)


def _documents(actor: Actor, words: Sequence[str]) -> QuerySet[Document]:
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    return Document.objects.filter(organization_id=actor.scope, words=query)
