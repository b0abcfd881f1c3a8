"""The Model Context Protocol as AIM speaks it to a server: who are you, and what do you offer. It never calls a tool.

Two eras: 2026-07-28, where each request stands alone and `server/discover` answers the first question, and the
revisions up to 2025-11-25 with `initialize` and a session.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from aim.canonical import NotCanonicalError, canonical_json
from aim.outbound.lines import Reply, read_object
from aim.outbound.problems import ErrorCode, ProbeError, shortened
from mcp.models import Protocol
from mcp.probe.client import UNAUTHORIZED, ServerClient

MODERN: Final = Protocol.V2026_07_28.value
LEGACY: Final = Protocol.V2025_11_25.value
OLDER: Final = ("2025-06-18", "2025-03-26")
"""Revisions that ask and answer what AIM needs in the same way as the last one with a session."""
MOST_TOOLS = 1_000
MOST_PAGES = 100
MOST_TOOL_BYTES = 64 * 1024
MOST_LIST_BYTES = 8 * 1024 * 1024
MAX_TOOL_NAME = 200
MAX_URI = 2_000
MOST_INSTRUCTIONS = 64 * 1024
_SUCCESS = range(200, 300)
_SESSION = "mcp-session-id"
_STREAM = "text/event-stream"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_METHOD_NOT_FOUND = -32601
_CLIENT: Final = {"name": "AIM", "version": "1"}


@dataclass
class Conversation:
    """What was agreed upon. `instructions` is the server's own word to models, which may try to steer them."""

    version: str
    capabilities: frozenset[str]
    server_name: str = ""
    server_version: str = ""
    instructions: str = ""
    session: str = ""
    seconds: float = 0.0


@dataclass
class Offer:
    """What the server lists: definitions by name, resources by URI, each with a canonical form."""

    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    prompts: dict[str, dict[str, Any]] = field(default_factory=dict)


class RefusedByServerError(Exception):
    """An answer of the protocol that says no."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{shortened(message)} ({code})")
        self.code = code


class McpClient:
    """One conversation with one server."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self._next_id = 0
        self._conversation: Conversation | None = None

    def greet(self) -> Conversation:
        """Agree upon a version, once. Raises `ProbeError`."""
        if self._conversation is None:
            self._conversation = self._greet()
        return self._conversation

    def list_offer(self) -> Offer:
        """Everything the server offers, page by page. Raises `ProbeError`."""
        conversation = self.greet()
        offer = Offer()
        for tool in self._list("tools", advertised="tools" in conversation.capabilities):
            name = _name_of(tool, "tool")
            if not isinstance(tool.get("inputSchema"), dict):
                raise _broken(f"The tool {name} has no schema of its input.")
            if name in offer.tools:
                raise _broken(f"The server lists the tool {name} twice.")
            offer.tools[name] = tool
        # What is listed twice beside the tools is kept once, as it was listed last: nothing is called by these names.
        if "resources" in conversation.capabilities:
            listed = self._list("resources", advertised=True)
            offer.resources = {_name_of(item, "resource", member="uri", most=MAX_URI): item for item in listed}
        if "prompts" in conversation.capabilities:
            offer.prompts = {_name_of(item, "prompt"): item for item in self._list("prompts", advertised=True)}
        return offer

    def leave(self) -> None:
        """End the session, where there is one; a server need not care."""
        conversation = self._conversation
        if conversation is None or not conversation.session:
            return
        try:
            self._client.call("DELETE", self._client.target.url, headers=_session_headers(conversation))
        except ProbeError:
            return

    def _greet(self) -> Conversation:
        wanted = self._client.target.protocol
        if wanted == MODERN:
            found = self._discover()
            if found is None:
                raise ProbeError(ErrorCode.PROTOCOL_UNSUPPORTED, f"The server does not speak MCP {MODERN}.")
            return found
        if wanted == LEGACY:
            return self._initialize((LEGACY,))
        return self._discover() or self._initialize((LEGACY, *OLDER))

    def _discover(self) -> Conversation | None:
        """The conversation of the newer era, or None where the server does not know it."""
        reply = self._send("server/discover", {}, version=MODERN)
        if reply.status not in _SUCCESS:
            return None
        try:
            result = self._result(reply)
        except RefusedByServerError:
            return None
        versions = result.get("supportedVersions")
        if not isinstance(versions, list) or MODERN not in versions:
            return None
        meta = result.get("_meta")
        info = meta.get("io.modelcontextprotocol/serverInfo") if isinstance(meta, dict) else None
        return _conversation(MODERN, result, info or result.get("serverInfo"), reply)

    def _initialize(self, accepted: tuple[str, ...]) -> Conversation:
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        reply = self._send("initialize", params, version="")
        try:
            result = self._result(_succeeded(reply))
        except RefusedByServerError as error:
            raise _broken(f"initialize was refused: {error}") from None
        version = result.get("protocolVersion")
        if version not in accepted:
            text = f"The server speaks MCP {shortened(str(version))}, and AIM {', '.join((MODERN, *accepted))}."
            raise ProbeError(ErrorCode.PROTOCOL_UNSUPPORTED, text)
        # Only a successful initialize gives a session: a refusal may carry the id of one that is not there.
        session = reply.headers.get(_SESSION, "")
        if not session.isascii() or not session.isprintable() or " " in session:
            raise _broken("The id of the session is not printable ASCII.")
        conversation = _conversation(str(version), result, result.get("serverInfo"), reply, session=session)
        notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        _succeeded(self._post(notice, _session_headers(conversation), complete=None))
        return conversation

    def _list(self, kind: str, *, advertised: bool) -> list[dict[str, Any]]:
        conversation = self.greet()
        items: list[dict[str, Any]] = []
        cursor, seen, size = None, set(), 0
        for _ in range(MOST_PAGES):
            params: dict[str, str] = {} if cursor is None else {"cursor": cursor}
            try:
                reply = self._send(f"{kind}/list", params, version=conversation.version)
                result = self._result(reply if _is_answer(reply) else _succeeded(reply))
            except RefusedByServerError as error:
                if error.code == _METHOD_NOT_FOUND and not advertised:
                    return []
                raise _broken(f"{kind}/list was refused: {error}") from None
            page = result.get(kind)
            if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
                raise _broken(f"The answer to {kind}/list has no list of {kind}.")
            items += page
            size += len(reply.body)
            if len(items) > MOST_TOOLS or size > MOST_LIST_BYTES:
                raise ProbeError(ErrorCode.TOO_LARGE, f"The server lists more than {MOST_TOOLS} {kind}.")
            cursor = result.get("nextCursor")
            if cursor is None or cursor == "":
                return items
            if not isinstance(cursor, str) or cursor in seen:
                raise _broken(f"{kind}/list leads in a circle.")
            seen.add(cursor)
        raise ProbeError(ErrorCode.TOO_LARGE, f"{kind}/list has more than {MOST_PAGES} pages.")

    def _send(self, method: str, params: Mapping[str, Any], *, version: str) -> Reply:
        """Send a request; an empty `version` is that of a conversation that has none yet."""
        self._next_id += 1
        headers: dict[str, str] = {}
        if version == MODERN:
            params = {**params, "_meta": _meta()}
            headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        elif version and self._conversation is not None:
            headers = _session_headers(self._conversation)
        number = self._next_id
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        reply = self._post(message, headers, complete=lambda shown, body: _has_answer(shown, body, number))
        if reply.status in UNAUTHORIZED:
            raise ProbeError(
                ErrorCode.AUTHENTICATION_FAILED, f"The server answered {reply.status} to {method}.", status=reply.status
            )
        return reply

    def _post(self, message: Mapping[str, Any], headers: Mapping[str, str], *, complete: Any) -> Reply:
        sent = {"Accept": f"application/json, {_STREAM}", "Content-Type": "application/json", **headers}
        body = msgspec.json.encode(message)
        return self._client.call("POST", self._client.target.url, headers=sent, body=body, complete=complete)

    def _result(self, reply: Reply) -> dict[str, Any]:
        """The result of the request that was sent last."""
        for message in _messages(reply.headers, reply.body):
            if message.get("id") != self._next_id or message.get("jsonrpc") != "2.0":
                continue
            error = message.get("error")
            if isinstance(error, dict):
                code = error.get("code")
                raise RefusedByServerError(code if isinstance(code, int) else 0, str(error.get("message", "")))
            result = message.get("result")
            if isinstance(result, dict):
                return result
        raise _broken("The answer is not one of JSON-RPC to what was asked.")


def _conversation(version: str, result: Mapping[str, Any], info: Any, reply: Reply, session: str = "") -> Conversation:
    capabilities = result.get("capabilities")
    if not isinstance(capabilities, dict):
        raise _broken("The server names no capabilities.")
    shown = info if isinstance(info, dict) else {}
    return Conversation(
        version=version,
        capabilities=frozenset(name for name, value in capabilities.items() if value is not None),
        server_name=shortened(str(shown.get("name", "")))[:100],
        server_version=shortened(str(shown.get("version", "")))[:50],
        instructions=_instructions_of(result),
        session=session,
        seconds=reply.seconds,
    )


def _name_of(item: dict[str, Any], thing: str, *, member: str = "name", most: int = MAX_TOOL_NAME) -> str:
    """The name of a tool, resource or prompt, once it is certain that the definition can be kept and pinned."""
    name = item.get(member)
    if not isinstance(name, str) or not name or len(name) > most or not name.isprintable():
        raise _broken(f"A {thing} has no usable {member} of at most {most} characters.")
    try:
        form = canonical_json(item)
    except NotCanonicalError as error:
        raise _broken(f"The definition of {name} cannot be pinned: {error}") from None
    # PostgreSQL keeps no NUL; RFC 8785 writes it as six characters, and a written backslash doubles those.
    if b"\\u0000" in form.replace(b"\\\\", b""):
        raise _broken(f"The definition of {name} holds a NUL.")
    if len(form) > MOST_TOOL_BYTES:
        raise ProbeError(ErrorCode.TOO_LARGE, f"The definition of {name} is larger than {MOST_TOOL_BYTES} bytes.")
    return name


def _instructions_of(result: Mapping[str, Any]) -> str:
    """The server's word to models, once it is certain that it can be kept and pinned."""
    text = result.get("instructions")
    if not isinstance(text, str):
        return ""
    if len(text) > MOST_INSTRUCTIONS:
        raise ProbeError(ErrorCode.TOO_LARGE, f"The instructions have more than {MOST_INSTRUCTIONS} characters.")
    try:
        canonical_json(text)
    except NotCanonicalError as error:
        raise _broken(f"The instructions cannot be pinned: {error}") from None
    if "\x00" in text:
        raise _broken("The instructions hold a NUL.")
    return text


def _meta() -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    return {f"{prefix}protocolVersion": MODERN, f"{prefix}clientInfo": _CLIENT, f"{prefix}clientCapabilities": {}}


def _session_headers(conversation: Conversation) -> dict[str, str]:
    headers = {"mcp-protocol-version": conversation.version}
    return headers | {_SESSION: conversation.session} if conversation.session else headers


def _succeeded(reply: Reply) -> Reply:
    if reply.status not in _SUCCESS:
        raise ProbeError(ErrorCode.HANDSHAKE_FAILED, f"The server answered {reply.status}.", status=reply.status)
    return reply


def _is_answer(reply: Reply) -> bool:
    """Whether a refusal by HTTP tells in its body what is refused."""
    message = read_object(reply.body)
    return message is not None and isinstance(message.get("error"), dict)


def _has_answer(headers: Mapping[str, str], body: bytearray, number: int) -> bool:
    """Whether a stream of events has brought the answer; looked at only where an event has ended."""
    if _STREAM not in headers.get("content-type", "") or not body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
        return False
    return any(message.get("id") == number and "method" not in message for message in _messages(headers, bytes(body)))


def _messages(headers: Mapping[str, str], body: bytes) -> list[dict[str, Any]]:
    if _STREAM not in headers.get("content-type", ""):
        message = read_object(body)
        return [] if message is None else [message]
    found, lines = [], []
    for line in (*_LINE_ENDS.split(body.decode("utf-8", "replace")), ""):
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            message = read_object("\n".join(lines).encode())
            lines = []
            if message is not None:
                found.append(message)
    return found


def _broken(detail: str) -> ProbeError:
    return ProbeError(ErrorCode.HANDSHAKE_FAILED, detail)
