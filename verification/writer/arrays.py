"""Columns in PostgreSQL's binary array format, so that a batch of rows is one statement with one parameter a column.

The format is that of `array_recv`: dimensions, whether there are nulls, element type, length, lower bound; then each
element with its length in front.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

UUID: Final = 2950
TEXT: Final = 25
BYTEA: Final = 17
INT4: Final = 23
TIMESTAMPTZ: Final = 1184

_header = struct.Struct("!iiiii").pack
_length = struct.Struct("!i").pack
_NULL = _length(-1)
_FIXED: Final = {UUID: _length(16), INT4: _length(4), TIMESTAMPTZ: _length(8)}


def binary_array(element: int, values: Sequence[bytes | None]) -> bytes:
    """One-dimensional array of elements that are in binary format already; None is NULL."""
    nulls = None in values
    head = _header(1, nulls, element, len(values), 1)
    prefix = _FIXED.get(element)
    if prefix is not None and not nulls:
        return head + prefix + prefix.join(values)  # type: ignore[arg-type]  # there is no None among them
    if nulls:
        return b"".join((head, *_with_lengths(values)))
    # Without a step of Python for each element: most of a batch is columns like this one.
    return head + b"".join(chain.from_iterable(zip(map(_length, map(len, values)), values, strict=True)))  # type: ignore[arg-type]  # there is no None among them


def binary_columns(elements: Sequence[int], rows: Iterable[Sequence[bytes | None]]) -> list[bytes]:
    """The rows turned into one array a column; `elements` are the columns' types."""
    return [binary_array(element, column) for element, column in zip(elements, zip(*rows, strict=True), strict=True)]


def _with_lengths(values: Sequence[bytes | None]) -> list[bytes]:
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_length(len(value)), value)
    return parts
