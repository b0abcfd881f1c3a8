"""Writes the words of each decision into an index of their own. What is erased has none."""

from collections.abc import Sequence

from django.db import connection

from aim.arrays import text_array, uuid_array
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from verification.documents import words_of

_ADD = """
INSERT INTO verification_document (verification_id, organization_id, words)
SELECT id, organization_id, to_tsvector('simple', words)
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS t(id, organization_id, words)
ON CONFLICT (verification_id) DO NOTHING
"""


@follower(name="documents", kinds={Event.VERIFICATION_DECIDED}, pause=1.0)
class DocumentsFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        ids, organizations, words = [], [], []
        for entry in entries:
            data = entry.body["data"]
            action, context = data["action"] or {}, data["context"] or {}
            ids.append(entry.id)
            organizations.append(entry.organization_id)
            words.append(
                words_of(
                    action.get("resource") or "",
                    action.get("action_type") or "",
                    context.get("user_id") or "",
                    context.get("session_id") or "",
                    data["decision"]["code"],
                )
            )
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [uuid_array(ids), uuid_array(organizations), text_array(words)])

    def reset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE verification_document")
