"""Reading entries: what is sealed, together with what is disclosed of it and not erased."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from aim.ledger.append import PERSONAL
from aim.ledger.commitments import SALT_BYTES, commit
from aim.ledger.events import Event
from aim.ledger.models import Entry


class Place(NamedTuple):
    """Where a commitment may stand: `text` is as in the disclosures, `way` leads to the member that holds `name`."""

    text: str
    way: tuple[str, ...]
    name: str


def _places(*texts: str) -> tuple[Place, ...]:
    parts = [text.split(".") for text in texts]
    return tuple(Place(text, tuple(way), name) for text, (*way, name) in zip(texts, parts, strict=True))


_PLACES: Final = _places("actor.personal", "subject.personal", "data.personal")
_PLACES_OF_KIND: Final = {
    Event.VERIFICATION_DECIDED.value: (*_PLACES, *_places("data.action.personal", "data.claims", "data.context"))
}
_NOTHING: Final[dict[str, Any]] = {}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_any = msgspec.json.Decoder().decode
_decode_disclosures = msgspec.json.Decoder(dict[str, tuple[str, msgspec.Raw]]).decode
Disclosure = tuple[str, msgspec.Raw]
# In the place of disclosures that can no longer be read: nothing matches what was committed to.
_UNREADABLE: Final[dict[str, Disclosure]] = dict.fromkeys(
    (place.text for places in _PLACES_OF_KIND.values() for place in places), ("", msgspec.Raw(b""))
)


def read_entry(entry: Entry) -> dict[str, Any]:
    """As `read_body`."""
    return read_body(bytes(entry.body), None if entry.disclosures is None else bytes(entry.disclosures))


def read_body(body: bytes, disclosures: bytes | None) -> dict[str, Any]:
    """The entry with its clear values, as if there were no commitments.

    `erased` lists the members that are known no more, such as `data.action.resource`: their value is None. So is the
    value of those in `altered`, whose disclosure is not what was committed to: nobody may act on it.
    """
    entry = _decode(body)
    entry["erased"], entry["altered"] = [], []
    if entry["v"] == 1:
        return entry
    disclosed = _read_disclosures(disclosures)
    for place in places_of(entry["kind"]):
        parent = _parent(entry, place)
        if isinstance(commitment := parent.get(place.name), dict) and "sha256" in commitment:
            _resolve(entry, parent, place, disclosed.get(place.text))
    return entry


def places_of(kind: str) -> tuple[Place, ...]:
    """Where entries of this kind may hold commitments."""
    return _PLACES_OF_KIND.get(kind, _PLACES)


def disclosure_bytes(body: bytes, disclosures: bytes) -> bytes:
    """Disclosures as they must have been written, given which commitments there are."""
    entry, disclosed = _decode(body), _read_disclosures(disclosures)
    parts = []
    for place in sorted(places_of(entry["kind"])):
        if place.name in _parent(entry, place) and place.text in disclosed:
            salt, value = disclosed[place.text]
            parts.append(b'"%b":["%b",%b]' % (place.text.encode(), salt.encode(), bytes(value)))
    return b"{%b}" % b",".join(parts)


def _parent(entry: dict[str, Any], place: Place) -> dict[str, Any]:
    parent = entry
    for step in place.way:
        parent = parent.get(step, _NOTHING)
    return parent


def _read_disclosures(disclosures: bytes | None) -> Mapping[str, Disclosure]:
    """What is disclosed by place. What cannot be read was altered: then no place holds what was committed to."""
    if disclosures is None:
        return {}
    try:
        return _decode_disclosures(disclosures)
    except (msgspec.MsgspecError, ValueError):
        return _UNREADABLE


def _resolve(entry: dict[str, Any], parent: dict[str, Any], place: Place, disclosure: Disclosure | None) -> None:
    """Put the value in the place of its commitment: members of `personal` beside it, anything else as it is."""
    name = place.name
    commitment = parent.pop(name)
    known: Any = None
    if disclosure is not None and matches(commitment["sha256"], *disclosure):
        known = _decode_any(disclosure[1])
    if known is None:
        base = ".".join(place.way)
        fields = commitment["fields"] if name == PERSONAL else [name]
        parent.update(dict.fromkeys(fields))
        entry["erased" if disclosure is None else "altered"] += [f"{base}.{field}" for field in fields]
    elif name == PERSONAL:
        parent.update(known)
    else:
        parent[name] = known


def shown_disclosures(disclosures: bytes | None) -> dict[str, dict[str, str]]:
    """Each disclosed place with its salt and its value, as the very text that was committed to."""
    if disclosures is None:
        return {}
    found = _read_disclosures(disclosures)
    return {place: {"salt": salt, "value": bytes(value).decode()} for place, (salt, value) in found.items()}


def matches(commitment: str, salt: str, value: bytes | msgspec.Raw) -> bool:
    """Whether the disclosed value, as it was written, is what was committed to.

    A salt has one length and one spelling: else a byte of the value could pass for one of the salt, and what stands
    there could be changed without being another.
    """
    try:
        raw = bytes.fromhex(salt)
    except ValueError:
        return False
    return len(raw) == SALT_BYTES and raw.hex() == salt and commit(raw, bytes(value)) == commitment
