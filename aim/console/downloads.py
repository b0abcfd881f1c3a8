"""Files that a page hands out: tables as CSV, and anything else under a name that is safe everywhere."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify

# What a spreadsheet would take for a formula, or for the end of the cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def file_name(*parts: str, ending: str) -> str:
    """`filesystem-mcp-public-key.pem`: the parts in letters, digits and hyphens."""
    stem = "-".join(part for part in (slugify(part) for part in parts) if part) or "download"
    return f"{stem}.{ending}"


def file_response(content: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def csv_response(rows: Iterable[list[Any]], name: str) -> StreamingHttpResponse:
    """Row by row, so that a long table is never held as a whole."""
    response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


def csv_lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _harmless(cell: Any) -> Any:
    """Text of strangers must not become a formula in the spreadsheet of whoever opens the file."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
