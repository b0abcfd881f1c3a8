"""How an organization's policies are read: one statement, again only when their generation has changed."""

import json
from typing import Any, LiteralString
from uuid import UUID

from django.db import connection
from django.db.models import F

from aim.errors import NotFoundError
from verification.models import PolicyBook as Generation

_JSONB = 3802
LOAD_BOOK: LiteralString = """
SELECT coalesce(b.generation, 0) AS generation, o.timezone,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', v.id, 'policy', v.policy_id, 'number', v.number, 'state', v.state, 'document', v.document)
        ORDER BY v.policy_id, v.number), '[]')
        FROM verification_policyversion v JOIN verification_policy p ON p.id = v.policy_id
        WHERE p.organization_id = o.id AND v.state IN ('active', 'shadow')) AS policies,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(d.name, d.patterns)), '[]') FROM verification_dataclass d
        WHERE d.organization_id = o.id) AS data_classes,
    (SELECT coalesce(jsonb_object_agg('usr_' || replace(m.user_id::text, '-', ''), m.role), '{}')
        FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
        WHERE m.organization_id = o.id AND u.is_active) AS roles
FROM accounts_organization o LEFT JOIN verification_policybook b ON b.organization_id = o.id
WHERE o.id = %s
"""


def raise_generation(organization_id: UUID) -> None:
    """Make every process compile the organization's policies anew. The caller holds the organization's row."""
    assert connection.in_atomic_block
    Generation.objects.filter(organization_id=organization_id).update(generation=F("generation") + 1)


def open_book(organization_id: UUID) -> None:
    """As `raise_generation`, for whoever writes policies: the first of them opens the book."""
    _, is_new = Generation.objects.get_or_create(organization_id=organization_id)
    if not is_new:
        raise_generation(organization_id)


def book_row(organization_id: UUID) -> dict[str, Any]:
    """The row of `LOAD_BOOK` by Django's connection."""
    row = read_row(LOAD_BOOK, organization_id)
    if row is None:
        raise NotFoundError
    return row


def read_row(statement: LiteralString, identifier: UUID) -> dict[str, Any] | None:
    """One row by Django's connection, in the form in which the engine's own connection gives it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [identifier])
        values = cursor.fetchone()
        columns = cursor.description or ()
    if values is None:
        return None
    # Django reads JSON by its own fields and leaves it text elsewhere.
    return {
        column.name: json.loads(value) if column.type_code == _JSONB and value is not None else value
        for column, value in zip(columns, values, strict=True)
    }
