"""One compiled pattern: a head that a key starts with, and segments of which some are globs."""

import re
from collections.abc import Sequence

TREE = "**"

Piece = str | re.Pattern[str] | None
"""One segment of a pattern: a name, a glob, or None for `**`."""


class Glob:
    """Matches keys of `Resource`. `tree` or `name` is set where the pattern is a whole tree or a single name."""

    __slots__ = ("_head", "_pieces", "name", "tree")

    def __init__(self, head: str | re.Pattern[str], pieces: Sequence[Piece]) -> None:
        self._head = head
        self._pieces = tuple(pieces)
        self.tree: str | None = None
        self.name: str | None = None
        *front, last = self._pieces or ("",)
        names = [piece for piece in front if isinstance(piece, str)]
        if isinstance(head, str) and len(names) == len(front):
            key = head + "".join(f"{name}/" for name in names)
            if not self._pieces:
                self.name = head
            elif last is None:
                self.tree = key
            elif isinstance(last, str):
                self.name = f"{key}{last}/"

    def matches(self, key: str) -> bool:
        """Whether the key, such as `path:/app/config.json/`, is one of those that the pattern names."""
        if isinstance(self._head, str):
            if not key.startswith(self._head):
                return False
            rest = key[len(self._head) :]
        else:
            match = self._head.match(key)
            if match is None:
                return False
            rest = key[match.end() :]
        return self._match_segments(rest[:-1].split("/") if rest else [])

    def _match_segments(self, segments: list[str]) -> bool:
        """Walks both lists once. After a mismatch only the last `**` takes one segment more: earlier ones need not."""
        pieces = self._pieces
        at = piece_at = retry_at = 0
        retry_piece = -1
        while at < len(segments):
            if piece_at < len(pieces) and pieces[piece_at] is None:
                retry_piece, retry_at = piece_at, at
                piece_at += 1
            elif piece_at < len(pieces) and _fits(pieces[piece_at], segments[at]):
                at += 1
                piece_at += 1
            elif retry_piece >= 0:
                retry_at += 1
                at, piece_at = retry_at, retry_piece + 1
            else:
                return False
        return all(piece is None for piece in pieces[piece_at:])


def segment_expression(segment: str) -> re.Pattern[str]:
    """`a*b?c` as an expression that never takes back what a wildcard has passed.

    Between two stars the first place where the literal part fits is always good enough, so each part stands in an
    atomic group, and the time grows with the product of the two lengths at worst.
    """
    first, *rest = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", segment))
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}", re.DOTALL)


def _fits(piece: Piece, segment: str) -> bool:
    if isinstance(piece, str):
        return piece == segment
    return piece is not None and piece.fullmatch(segment) is not None
