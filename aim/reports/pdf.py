"""The layout of every report: one sheet of A4, ruled lines instead of boxes, one accent, colour for status alone."""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus import Table as Grid

from aim.reports.documents import Block, Check, Checks, Document, Facts, Heading, Score, Table, Text

INK, MUTED, FAINT, LINE, ACCENT = (HexColor(c) for c in ("#171b22", "#50565e", "#686c73", "#dfe1e5", "#3760c9"))
GOOD, BAD, OPEN = HexColor("#0b7643"), HexColor("#be222a"), HexColor("#8a5b00")
MARGIN, HEAD, FOOT = 18 * mm, 24 * mm, 16 * mm
WIDTH = A4[0] - 2 * MARGIN
_LABEL = 46 * mm
SANS, BOLD, MONO = "Vera", "VeraBd", "Courier"
_LATIN = 0xFF


def lay_out(document: Document) -> bytes:
    """The pages as PDF, unsigned."""
    _fonts()
    target = BytesIO()
    frame = Frame(
        MARGIN, FOOT, WIDTH, A4[1] - HEAD - FOOT, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    pages = BaseDocTemplate(
        target,
        pagesize=A4,
        title=_known(document.title),
        author=_known(document.organization),
        subject=_known(document.subtitle),
        creator="AIM",
    )
    pages.addPageTemplates([PageTemplate("page", [frame], onPage=_frame_of(document))])
    story: list[Flowable] = [
        Paragraph(_safe(document.title), _style(18, BOLD, after=2)),
        Paragraph(_safe(document.subtitle), _style(10, SANS, MUTED, after=4)),
    ]
    for block in document.blocks:
        story += _drawn(block)
    pages.build(story, canvasmaker=_Counted)
    return target.getvalue()


@lru_cache(maxsize=1)
def _fonts() -> None:
    for name, file in ((SANS, "Vera.ttf"), (BOLD, "VeraBd.ttf")):
        pdfmetrics.registerFont(TTFont(name, file))


def _style(
    size: float, font: str = SANS, colour: Color = INK, *, before: float = 0, after: float = 0, with_next: bool = False
) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font}{size}{colour.hexval()}{before}{after}",
        fontName=font,
        fontSize=size,
        leading=size * 1.45,
        textColor=colour,
        spaceBefore=before,
        spaceAfter=after,
        alignment=TA_LEFT,
        splitLongWords=1,
        keepWithNext=int(with_next),
    )


def _known(text: str, font: str = SANS) -> str:
    """The text with what the font cannot show as its code point, so that nothing in a report is invisible."""
    glyphs = _glyphs(font)
    return "".join(c if c == "\n" or (c.isprintable() and glyphs(ord(c))) else f"‹U+{ord(c):04X}›" for c in text)


@lru_cache(maxsize=4)
def _glyphs(font: str) -> Callable[[int], bool]:
    if font == MONO:
        return lambda code: code <= _LATIN or code in {0x2039, 0x203A}
    face: Any = pdfmetrics.getFont(font).face
    return lambda code: code in face.charToGlyph


def _safe(text: str, font: str = SANS) -> str:
    return escape(_known(text, font)).replace("\n", "<br/>")


def _drawn(block: Block) -> list[Flowable]:
    match block:
        case Heading(text):
            return [_Rule(), Paragraph(_safe(text), _style(12, BOLD, before=2, after=4, with_next=True))]
        case Text(text, quiet):
            return [Paragraph(_safe(text), _style(9, SANS, MUTED if quiet else INK, after=5))]
        case Facts(rows):
            return [_facts(rows), Spacer(0, 6)]
        case Table():
            return _table(block)
        case Checks(rows):
            return [KeepTogether([_checks(rows), Spacer(0, 6)])]
        case Score():
            return [KeepTogether([_Figure(block), *_parts(block), Spacer(0, 6)])]


def _facts(rows: list[Any]) -> Grid:
    label = _style(9, SANS, MUTED)
    cells = [
        [
            Paragraph(_safe(row.label), label),
            Paragraph(_safe(row.value, MONO if row.mono else SANS), _style(8.5, MONO) if row.mono else _style(9, SANS)),
        ]
        for row in rows
    ]
    return Grid(cells, colWidths=[_LABEL, WIDTH - _LABEL], style=[*_FLUSH, ("VALIGN", (0, 0), (-1, -1), "TOP")])


def _table(block: Table) -> list[Flowable]:
    if not block.rows:
        return [Paragraph(_safe(block.empty), _style(9, SANS, FAINT, after=6))]
    whole = sum(block.shares)
    head = _style(7.5, BOLD, FAINT)
    cells: list[list[Any]] = [[Paragraph(_safe(text), head) for text in block.heads]]
    for row in block.rows:
        fonts = [MONO if index in block.mono else SANS for index in range(len(row))]
        cells.append([Paragraph(_safe(t, font), _style(7.5, font)) for t, font in zip(row, fonts, strict=True)])
    style = [
        *_FLUSH,
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-2, -1), 6),
    ]
    widths = [WIDTH * share / whole for share in block.shares]
    return [Grid(cells, colWidths=widths, repeatRows=1, style=style), Spacer(0, 8)]


def _checks(rows: list[Check]) -> Grid:
    words = {True: ("Passed", GOOD), False: ("Failed", BAD), None: ("Not measured", OPEN)}
    cells = []
    for row in rows:
        text, colour = words[row.passed]
        cells.append(
            [
                Paragraph(text, _style(9, BOLD, colour)),
                Paragraph(_safe(row.label), _style(9)),
                Paragraph(_safe(row.detail), _style(8.5, SANS, MUTED)),
            ]
        )
    widths = [28 * mm, WIDTH - 78 * mm, 50 * mm]
    return Grid(cells, colWidths=widths, style=[*_FLUSH, ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE)])


def _parts(score: Score) -> list[Flowable]:
    if not score.parts:
        return []
    cells = [
        [Paragraph(_safe(label), _style(8.5, SANS, MUTED)), Paragraph(f"{points} of {most}", _style(8.5))]
        for label, points, most in score.parts
    ]
    return [Grid(cells, colWidths=[80 * mm, WIDTH - 80 * mm], style=_FLUSH)]


_FLUSH: list[Any] = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
]


class _Rule(Flowable):  # type: ignore[misc]
    """A line from edge to edge above a section."""

    keepWithNext = 1  # noqa: N815 - reportlab's name

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return WIDTH, 12

    def draw(self) -> None:
        self.canv.setStrokeColor(LINE)
        self.canv.setLineWidth(0.75)
        self.canv.line(0, 4, WIDTH, 4)


class _Figure(Flowable):  # type: ignore[misc]
    """The score as a figure, with a bar of its share."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self._score = score

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return WIDTH, 34

    def draw(self) -> None:
        score, canvas = self._score, self.canv
        share = score.value / score.most if score.most else 0
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 20)
        canvas.drawString(0, 14, f"{score.value}/{score.most}")
        canvas.setFont(SANS, 10)
        canvas.setFillColor(MUTED)
        canvas.drawString(36 * mm, 15, _known(score.words))
        canvas.setFillColor(LINE)
        canvas.rect(0, 4, WIDTH, 3, stroke=0, fill=1)
        canvas.setFillColor(ACCENT)
        canvas.rect(0, 4, WIDTH * share, 3, stroke=0, fill=1)


class _Counted(Canvas):  # type: ignore[misc]
    """A canvas that knows at the end how many pages there are, and then writes it on each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._drawn: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._drawn.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for state in self._drawn:
            self.__dict__.update(state)
            self.setFont(SANS, 7.5)
            self.setFillColor(FAINT)
            self.drawRightString(A4[0] - MARGIN, FOOT - 7 * mm, f"{self._pageNumber} of {len(self._drawn)}")
            super().showPage()
        super().save()


def _frame_of(document: Document) -> Callable[[Canvas, BaseDocTemplate], None]:
    def draw(canvas: Canvas, _pages: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont(BOLD, 8)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN, A4[1] - 13 * mm, _known(document.organization))
        canvas.setFont(SANS, 8)
        canvas.setFillColor(FAINT)
        canvas.drawRightString(A4[0] - MARGIN, A4[1] - 13 * mm, "AIM, Agent Identity Management")
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.75)
        canvas.line(MARGIN, A4[1] - 16 * mm, A4[0] - MARGIN, A4[1] - 16 * mm)
        canvas.setFont(SANS, 7.5)
        made = f"{document.id}   made {document.made_at:%Y-%m-%d %H:%M:%S} UTC by {document.made_by}"
        canvas.drawString(MARGIN, FOOT - 7 * mm, _known(made))
        canvas.restoreState()

    return draw
