"""Ids in paths: text that is no id is answered as an id that does not exist."""

from uuid import UUID

from aim.errors import NotFoundError
from aim.ids import IdKind, InvalidIdError, parse_id


def path_id(kind: IdKind, text: str) -> UUID:
    """The UUID behind the text; raises `NotFoundError`."""
    try:
        return parse_id(kind, text)
    except InvalidIdError:
        raise NotFoundError from None
