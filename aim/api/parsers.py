"""The only parser of the API: strict JSON, uncompressed, in UTF-8."""

from collections.abc import Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from aim.api.strict_json import DEFAULT_LIMITS, JSONLimits, MalformedJSONError, parse_json
from aim.errors import Problem


class StrictJSONParser(BaseParser):
    """`application/json` by `parse_json`. A view may set `json_limits` to allow larger bodies than the default."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        context = parser_context or {}
        limits: JSONLimits = getattr(context.get("view"), "json_limits", DEFAULT_LIMITS)
        request = context.get("request")
        headers = request.META if request is not None else {}
        refuse_encodings(media_type or self.media_type, headers.get("HTTP_CONTENT_ENCODING", ""))
        # A body that says it is too large is not read at all.
        if (headers.get("CONTENT_LENGTH") or "0").isdecimal() and int(headers.get("CONTENT_LENGTH") or 0) > limits.size:
            raise MalformedJSONError([Problem("", "too_large", f"The body is larger than {limits.size} bytes.")])
        return parse_json(stream.read(limits.size + 1), limits=limits)


def refuse_encodings(media_type: str, content_encoding: str) -> None:
    """Raise `UnsupportedMediaType` unless the body is plain UTF-8: a few compressed bytes can become gigabytes."""
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(media_type, detail="Content-Encoding is not supported; send the body uncompressed.")
    _, parameters = parse_header_parameters(media_type)
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(media_type, detail="The body must be encoded in UTF-8.")
