"""A tool's definition as it is pinned: its canonical form, and the hash of that."""

import hashlib
from collections.abc import Mapping
from typing import Any

from aim.canonical import canonical_json


def digest_of_definition(definition: Mapping[str, Any]) -> bytes:
    """SHA-256 of the RFC 8785 form. Everything counts: name, description, schema, annotations, and what is unknown."""
    return hashlib.sha256(canonical_json(dict(definition))).digest()
