"""Every word and mark against what it stands on, computed from the stylesheet itself: OKLCH to sRGB to WCAG 2."""

import math
import re
from functools import cache

import pytest

from aim.runtime.environment import CHECKOUT

TOKENS = (CHECKOUT / "aim/static/aim/css/tokens.css").read_text()
THEMES = ("light", "dark")
WORDS = ("text", "muted", "faint", "accent", "allowed", "denied", "pending", "critical", "info", "redacted")
TONES = WORDS[3:]
MARKS = ("ink-1", "ink-2", "allowed-mark", "denied-mark", "pending-mark", "control")
NUMBER = r"([\d.]+)"
Rgb = tuple[float, float, float]


def to_rgb(lightness: float, chroma: float, hue: float) -> Rgb:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    encoded = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in (max(0.0, v) for v in linear))
    red, green, blue = (min(1.0, value) for value in encoded)
    return red, green, blue


@cache
def colour(token: str, theme: str) -> Rgb:
    value = re.search(rf"--{token}: light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))", TOKENS)
    assert value, f"--{token} is no pair of OKLCH colours"
    found = re.fullmatch(rf"oklch\({NUMBER} {NUMBER} {NUMBER}\)", value[1 + THEMES.index(theme)])
    assert found
    return to_rgb(*(float(part) for part in found.groups()))


def mixed(top: Rgb, share: float, below: Rgb) -> Rgb:
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(top, below, strict=True))
    return red, green, blue


def luminance(rgb: Rgb) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Rgb, other: Rgb) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_arithmetic_is_right():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    accent = [round(255 * value) for value in colour("accent", "light")]
    assert accent == pytest.approx([0x37, 0x60, 0xC9], abs=1)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["surface", "bg", "sunken", "raised"])
@pytest.mark.parametrize("word", WORDS)
def test_words_are_readable_on_every_ground(word, ground, theme):
    assert contrast(colour(word, theme), colour(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("tone", TONES)
def test_words_are_readable_on_their_own_soft_badge(tone, theme):
    own = colour(tone, theme)
    assert contrast(own, mixed(own, 0.12, colour("surface", theme))) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("fill", ["accent", "critical"])
def test_words_are_readable_on_filled_buttons(fill, theme):
    assert contrast(colour("on-fill", theme), colour(fill, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("mark", MARKS)
def test_marks_and_borders_of_inputs_can_be_seen(mark, theme):
    assert contrast(colour(mark, theme), colour("surface", theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("word", ["text", "muted"])
def test_words_in_a_selected_row_are_readable(word, theme):
    share = {"light": 0.08, "dark": 0.13}[theme]
    row = mixed(colour("accent", theme), share, colour("surface", theme))
    assert contrast(colour(word, theme), row) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_gap_shows_a_mark_beside_its_neighbour_without_colour(theme):
    # Passed bars may be faint, because a word and a sentence repeat what the comb says.
    assert contrast(colour("ink-0", theme), colour("surface", theme)) >= 1.9
