"""From the bytes of a request to a frozen `ActionRequest`: once, by one set of rules, whichever lane it came by."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aim.api.strict_json import count_strings, may_be_plain
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


class ActionData(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What is unset was not said, which means nothing of it."""

    records: Amount | msgspec.UnsetType = msgspec.UNSET
    bytes: Amount | msgspec.UnsetType = msgspec.UNSET
    fields: Annotated[list[Name], msgspec.Meta(max_length=MOST_FIELDS)] | msgspec.UnsetType = msgspec.UNSET
    destination: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_RESOURCE)] | msgspec.UnsetType | None = (
        msgspec.UNSET
    )


class _Claims(msgspec.Struct, frozen=True, gc=False):
    """`ActionData` in full, as it is recorded: the members stand in the order of RFC 8785."""

    bytes: int
    destination: str | None
    fields: list[str]
    records: int


class _Action(msgspec.Struct, frozen=True, gc=False):
    """What an approval is bound to: the members stand in the order of RFC 8785."""

    action_type: str
    agent_id: str
    mcp_server: str | None
    parameters: dict[str, Any] | msgspec.Raw
    resource: str
    tool: str | None


_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_NO_DATA = ActionData()
_NO_FIELDS: list[str] = []
_NOTHING: dict[str, Any] = {}


class ActionBody(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
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
        if 2 * _strings_in(body) != raw.count(b'"'):
            return None
        return _request(body, ascii_only=raw.isascii())
    except (ValueError, InvalidInputError):
        return None


def _strings_in(body: ActionBody) -> int:
    """The strings in a body, names included; raises `ValueError` for a dubious number."""
    unset = msgspec.UNSET
    context, parameters, data, server, tool = body.context, body.parameters, body.data, body.mcp_server, body.tool
    count = _STRINGS_ALWAYS
    if context is not unset:
        count += 1 + count_strings(context)
    if parameters is not unset:
        count += 1 + (count_strings(parameters) if parameters else 0)
    if server is not unset:
        count += 1 if server is None else 2
    if tool is not unset:
        count += 1 if tool is None else 2
    if data is not unset:
        count += 1 + (data.records is not unset) + (data.bytes is not unset)
        if data.fields is not unset:
            count += 1 + len(data.fields)
        if data.destination is not unset:
            count += 1 if data.destination is None else 2
    return count


def action_from(value: dict[str, Any]) -> ActionRequest:
    """The request in a parsed body; raises `InvalidInputError` for the first thing that is wrong with it.

    The serializer of the API names every problem; this is the last word on what is accepted.
    """
    try:
        return _request(msgspec.convert(value, ActionBody))
    except msgspec.ValidationError as error:
        raise InvalidInputError((Problem("", "invalid", str(error)),)) from None


def _request(body: ActionBody, *, ascii_only: bool = False) -> ActionRequest:
    """`ascii_only` says that `count_strings` has seen the free members, and that nothing in them is beyond ASCII:
    then sorting is all that their canonical form needs.
    """
    context = body.context or _NOTHING
    parameters = body.parameters or _NOTHING
    data = body.data or _NO_DATA
    volume, destination = data.bytes or 0, data.destination or None
    user_id, session_id = context_names(context)
    place, hostile = _normal(body.resource)
    mcp_server, tool = body.mcp_server or None, body.tool or None
    canonical = _encode_sorted if ascii_only else canonical_json
    written = msgspec.Raw(canonical(parameters)) if parameters else _NOTHING
    action_json = _encode(_Action(body.action_type, body.agent_id, mcp_server, written, body.resource, tool))
    return ActionRequest(
        body.agent_id,
        body.action_type,
        body.resource,
        place,
        hostile,
        parameters,
        mcp_server,
        tool,
        canonical(context) if context else b"{}",
        _encode(_Claims(volume, destination, data.fields or _NO_FIELDS, data.records or 0)),
        user_id,
        session_id,
        volume,
        destination,
        action_json,
        sha256(action_json).digest(),
    )


def context_names(context: dict[str, Any]) -> tuple[str, str]:
    """The delegated user and the session of a context, each empty when absent; raises `InvalidInputError`."""
    user, session, timestamp = context.get("user_id"), context.get("session_id"), context.get("timestamp")
    if _is_name(user) and _is_name(session) and (timestamp is None or _is_time(timestamp)):
        return user or "", session or ""
    problems = [
        Problem(
            f"context.{key}",
            "invalid",
            ngettext(
                "Must be text of 1 to %(most)s character.", "Must be text of 1 to %(most)s characters.", LONGEST_NAME
            )
            % {"most": LONGEST_NAME},
        )
        for key, name in (("user_id", user), ("session_id", session))
        if not _is_name(name)
    ]
    if timestamp is not None and not _is_time(timestamp):
        problems.append(Problem("context.timestamp", "invalid", _("Must be a time in ISO 8601 with its zone.")))
    raise InvalidInputError(tuple(problems))


def _is_name(value: object) -> bool:
    """Whether it is a name, or none was given."""
    return value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_NAME)


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
