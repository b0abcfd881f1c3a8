"""What any resource name may be made of: one spelling for each, and none that only looks like another."""

import functools
import re
import unicodedata

MAX_LENGTH = 4096
MAX_SEGMENTS = 128


class HostileResourceError(ValueError):
    """The text names no resource that all systems understand alike. `reason` is a sentence for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# Look-alikes of separators that Unicode's compatibility mapping does not know as such: the fraction and division slash,
# set minus, ratio, ideographic full stop and their like.
_LOOK_ALIKES = frozenset(
    "\u02d0\u0589\u05c3\u1735\u2044\u2215\u2216\u2236\u2571\u29f5\u29f8\u2cc6\u3002\u4e36\u4e3f\ua789\uff61"
)
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Marks and fillers that show nothing (Default_Ignorable_Code_Point) though their category is that of visible ones.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufffd\U000e0100-\U000e01ef]"
)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+", re.ASCII)
_ASCII_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_characters(text: str) -> str:
    """The text in Unicode's form NFC; raises for characters that are invisible or that some systems read as others."""
    if not text:
        raise HostileResourceError("The resource is empty.")
    if len(text) > MAX_LENGTH:
        raise HostileResourceError(f"The resource is longer than {MAX_LENGTH} characters.")
    if _ASCII_CONTROL.search(text):
        raise HostileResourceError("The resource has a control character.")
    if text[0] == " " or text[-1] == " ":
        raise HostileResourceError("The resource starts or ends with a space.")
    if text.isascii():
        return text
    for character in frozenset(text):
        if reason := _character_reason(character):
            raise HostileResourceError(reason)
    return unicodedata.normalize("NFC", text)


@functools.lru_cache(maxsize=4096)
def _character_reason(character: str) -> str | None:
    """Why this one character makes a name ambiguous, or None."""
    if character.isascii():
        return None
    shown = f"U+{ord(character):04X}"
    if unicodedata.category(character) in _REFUSED_CATEGORIES or _INVISIBLE.match(character):
        return f"The resource has an invisible, unassigned or formatting character ({shown})."
    # Full-width letters, dots and slashes, ligatures, the Kelvin sign: file systems, browsers and libraries that fold
    # them would reach another resource than the one that was checked.
    if character in _LOOK_ALIKES or any(part.isascii() for part in unicodedata.normalize("NFKC", character)):
        return f"The resource has a character that some systems read as another one ({shown})."
    return None


def decode_escapes(text: str) -> str:
    """Percent-encoding (RFC 3986 section 2.1) undone once; raises where readers would disagree about the result."""
    if "%" not in text:
        return text
    if _ESCAPES.sub("", text).find("%") >= 0:
        raise HostileResourceError("A percent sign must be followed by two hex digits, or be written %25.")
    decoded = _ESCAPES.sub(_decode_run, text)
    if _ESCAPES.search(decoded):
        raise HostileResourceError("The resource is percent-encoded twice.")
    return decoded


def _decode_run(match: re.Match[str]) -> str:
    raw = bytes.fromhex(match[0].replace("%", ""))
    # A name with an encoded separator is one segment for some readers and several for others.
    if any(byte in b"/\\.*?" for byte in raw):
        raise HostileResourceError("Dots, slashes, backslashes and wildcards must not be percent-encoded.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise HostileResourceError("The percent-encoding is not valid UTF-8.") from None


def resolve_segments(parts: list[str]) -> list[str]:
    """The segments without empty ones, `.` and `..`; raises for `..` above the root and names that systems trim."""
    segments: list[str] = []
    for part in parts:
        if part in {"", "."}:
            continue
        if part == "..":
            if not segments:
                raise HostileResourceError("The resource leads above its root.")
            segments.pop()
            continue
        check_segment(part)
        segments.append(part)
    if len(segments) > MAX_SEGMENTS:
        raise HostileResourceError(f"The resource has more than {MAX_SEGMENTS} segments.")
    return segments


def check_segment(segment: str) -> None:
    """Raise for a segment that ends in a dot or a space, or that hides one of `.` and `..` behind parameters."""
    if segment[-1] in ". ":
        raise HostileResourceError("A segment ends with a dot or a space, which some systems drop.")
    if segment[0] == "." and segment.split(";", 1)[0] in {".", ".."}:
        raise HostileResourceError("A segment hides `.` or `..` behind a semicolon.")
