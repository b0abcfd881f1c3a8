"""A strict reader of the few DER shapes a public key is made of (X.690 section 10)."""

from typing import NamedTuple

INTEGER, BIT_STRING, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x03, 0x06, 0x30
_LONG_FORM = 0x80


class MalformedDerError(ValueError):
    """The bytes are not DER of the expected shape."""


class Element(NamedTuple):
    """One tag-length-value: `end` is the offset of the first byte after it."""

    tag: int
    content: bytes
    end: int


def read_element(data: bytes, offset: int = 0) -> Element:
    """The element at `offset`; its length must be written in the shortest form and lie inside `data`."""
    if len(data) < offset + 2:
        raise MalformedDerError("An element is cut off")
    tag, length = data[offset], data[offset + 1]
    start = offset + 2
    if length & _LONG_FORM:
        octets = length & 0x7F
        digits = data[start : start + octets]
        if octets not in {1, 2, 3} or len(digits) != octets or digits[0] == 0:
            raise MalformedDerError("A length is malformed")
        length, start = int.from_bytes(digits, "big"), start + octets
        if length < _LONG_FORM or (octets > 1 and length < 1 << 8 * (octets - 1)):
            raise MalformedDerError("A length is not in its shortest form")
    if len(data) < start + length:
        raise MalformedDerError("An element is cut off")
    return Element(tag, data[start : start + length], start + length)


def read_all(data: bytes) -> list[Element]:
    """Every element of a sequence's content, with nothing left over."""
    elements, offset = [], 0
    while offset < len(data):
        elements.append(read_element(data, offset))
        offset = elements[-1].end
    return elements


def read_sequence(data: bytes) -> list[Element]:
    """The members of the one sequence that `data` consists of."""
    outer = read_element(data)
    if outer.tag != SEQUENCE or outer.end != len(data):
        raise MalformedDerError("Not one sequence")
    return read_all(outer.content)


def read_positive_integer(element: Element) -> int:
    """The value of an INTEGER that is positive and in its shortest form."""
    content = element.content
    if element.tag != INTEGER or not content or content[0] & 0x80:
        raise MalformedDerError("Not a positive integer")
    if len(content) > 1 and content[0] == 0 and not content[1] & 0x80:
        raise MalformedDerError("An integer is not in its shortest form")
    return int.from_bytes(content, "big")


def read_object_identifier(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    content = element.content
    if element.tag != OBJECT_IDENTIFIER or not content or content[-1] & 0x80:
        raise MalformedDerError("Not an object identifier")
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))
