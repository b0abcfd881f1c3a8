"""From the bytes of a request to a frozen `ActionRequest`: once, by one set of rules, whichever lane it came by."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from aim.api.strict_json import count_strings, may_be_plain, parse_fast
from aim.canonical import LARGEST_INTEGER, canonical_json
from aim.errors import InvalidInputError, Problem
from aim.resources.resource import Resource, normalize_resource
from aim.resources.text import HostileResourceError
from verification.contracts import ActionRequest

LONGEST_ACTION = 100
LONGEST_RESOURCE = 4096
LONGEST_NAME = 200
MOST_FIELDS = 256

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_INTEGER)]


class ActionData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    records: Amount = 0
    bytes: Amount = 0
    fields: Annotated[list[Name], msgspec.Meta(max_length=MOST_FIELDS)] = []
    destination: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_RESOURCE)] | None = None


_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_NO_DATA = ActionData()
_NO_DATA_JSON = _encode_sorted(_NO_DATA)
_NOTHING: dict[str, Any] = {}


class ActionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/v1/verify/action`; `docs/api.md` explains each member."""

    agent_id: Annotated[str, msgspec.Meta(pattern="^agt_[0-9a-f]{32}$")]
    action_type: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ACTION)]
    resource: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_RESOURCE)]
    context: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    data: ActionData | msgspec.UnsetType = msgspec.UNSET
    mcp_server: Name | msgspec.UnsetType | None = msgspec.UNSET
    tool: Name | msgspec.UnsetType | None = msgspec.UNSET


_decode_body = msgspec.json.Decoder(ActionBody).decode
# agent_id, action_type and resource: three names and three texts.
_STRINGS_ALWAYS = 6


def read_action_fast(raw: bytes) -> ActionRequest | None:
    """The request, or None where anything about it wants the slow and strict reader."""
    if not may_be_plain(raw):
        return None
    try:
        body = _decode_body(raw)
        # A name given twice leaves fewer strings than quotes; the shape says nothing of it.
        if body.data is not msgspec.UNSET or 2 * _strings_in(body) != raw.count(b'"'):
            value = parse_fast(raw)
            return None if value is None else action_from(value)
        return _request(body)
    except (ValueError, InvalidInputError):
        return None


def _strings_in(body: ActionBody) -> int:
    """The strings in a body without `data`, names included; raises `ValueError` for a dubious number."""
    count = _STRINGS_ALWAYS
    for member in (body.context, body.parameters):
        if isinstance(member, dict):
            count += 1 + count_strings(member)
    for text in (body.mcp_server, body.tool):
        if text is not msgspec.UNSET:
            count += 1 if text is None else 2
    return count


def action_from(value: dict[str, Any]) -> ActionRequest:
    """The request in a parsed body; raises `InvalidInputError` for the first thing that is wrong with it.

    The serializer of the API names every problem; this is the last word on what is accepted.
    """
    try:
        return _request(msgspec.convert(value, ActionBody))
    except msgspec.ValidationError as error:
        raise InvalidInputError((Problem("", "invalid", str(error)),)) from None


def _request(body: ActionBody) -> ActionRequest:
    context = body.context or _NOTHING
    parameters = body.parameters or _NOTHING
    data = body.data or _NO_DATA
    user_id, session_id = context_names(context)
    place, hostile = _normal(body.resource)
    action_json = _action_json(body)
    return ActionRequest(
        agent_id=body.agent_id,
        action_type=body.action_type,
        resource=body.resource,
        place=place,
        hostile=hostile,
        parameters=parameters,
        mcp_server=body.mcp_server or None,
        tool=body.tool or None,
        context_json=canonical_json(context) if context else b"{}",
        data_json=_NO_DATA_JSON if data is _NO_DATA else _encode_sorted(data),
        user_id=user_id,
        session_id=session_id,
        volume=data.bytes,
        destination=data.destination,
        action_json=action_json,
        digest=sha256(action_json).digest(),
    )


def _action_json(body: ActionBody) -> bytes:
    """The canonical JSON (RFC 8785) of what an approval is bound to."""
    return _encode_sorted(
        {
            "action_type": body.action_type,
            "agent_id": body.agent_id,
            "mcp_server": body.mcp_server or None,
            "parameters": msgspec.Raw(canonical_json(body.parameters)) if body.parameters else _NOTHING,
            "resource": body.resource,
            "tool": body.tool or None,
        }
    )


def context_names(context: dict[str, Any]) -> tuple[str, str]:
    """The delegated user and the session of a context, each empty when absent; raises `InvalidInputError`."""
    problems: list[Problem] = []
    names: list[str] = []
    for key in ("user_id", "session_id"):
        name = context.get(key)
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME):
            problems.append(Problem(f"context.{key}", "invalid", f"Must be text of 1 to {LONGEST_NAME} characters."))
        names.append(name if isinstance(name, str) else "")
    timestamp = context.get("timestamp")
    if timestamp is not None and not _is_time(timestamp):
        problems.append(Problem("context.timestamp", "invalid", "Must be a time in ISO 8601 with its zone."))
    if problems:
        raise InvalidInputError(tuple(problems))
    return names[0], names[1]


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _normal(resource: str) -> tuple[Resource | None, str]:
    try:
        return normalize_resource(resource), ""
    except HostileResourceError as error:
        return None, str(error)
