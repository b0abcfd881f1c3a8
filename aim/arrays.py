"""Lists as the text of a PostgreSQL array, made by a few calls for the whole list.

psycopg goes through each item of a list in Python, which for the many rows of a follower's step takes longer than the
statement that they are for.
"""

from collections.abc import Iterable
from uuid import UUID


def array_of(values: Iterable[float]) -> str:
    """Numbers, truth values, and whatever else `str` gives as PostgreSQL reads it without quotes."""
    return "{" + ",".join(map(str, values)) + "}"


def uuid_array(values: Iterable[UUID | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else value.hex for value in values]) + "}"


def text_array(values: Iterable[str]) -> str:
    return "{" + ",".join(['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]) + "}"
