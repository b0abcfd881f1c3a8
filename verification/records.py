"""The record of a decision and the answer to the agent, each encoded once.

The bytes of the record are what the ledger stores, and what everything that follows the ledger reads.
"""

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from aim.ids import IdKind
from aim.ledger.append import ENTRY_VERSION
from aim.ledger.commitments import commit, salts
from aim.ledger.events import Event
from verification.codes import MEANINGS, Code
from verification.contracts import ActionRequest, Decision, DecisionStatus, Origin
from verification.snapshot import AgentSnapshot

_encode = msgspec.json.Encoder(order="sorted").encode
_encode_as_is = msgspec.json.Encoder().encode
_pack_int, _pack_long = struct.Struct("!i").pack, struct.Struct("!q").pack
_PG_EPOCH = 946_684_800
_KIND = Event.VERIFICATION_DECIDED.value
JSON = "application/json"
PROBLEM = "application/problem+json"


class Answer(NamedTuple):
    """An HTTP answer, ready to send by any lane."""

    status: int
    body: bytes
    content_type: str = JSON
    retry_after: int | None = None


class Row(NamedTuple):
    """The columns of a decision in PostgreSQL's binary format, its ledger entry, and the answer once committed.

    `approval` has those of the request for approval, where the decision is pending.
    """

    verification: list[bytes | None]
    entry: list[bytes | None]
    answer: Answer
    approval: list[bytes | None] | None = None


# Those of a batch share their moment.
@lru_cache(maxsize=64)
def show_seconds(moment: float) -> str:
    """Seconds since 1970, on a whole millisecond, as the API writes times: ISO 8601, UTC, milliseconds."""
    seconds, milliseconds = divmod(round(moment * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def build_row(
    *,
    verification_id: bytes,
    agent: AgentSnapshot,
    request: ActionRequest,
    origin: Origin,
    decision: Decision,
    now: float,
    expires: float | None,
    duration_us: int,
) -> Row:
    """Everything that is written of one decision, and what is told the agent afterwards."""
    # The columns hold the moment to the millisecond, as the sealed body does, so that they can be compared with it. It
    # is rounded in one place: between two milliseconds the two roundings, of seconds and of milliseconds, differ.
    now = round(now, 3)
    hex_id = verification_id.hex()
    expires_at = None if expires is None else show_seconds(expires)
    status = decision.status.value
    key = agent.api_keys.get(origin.key_digest)
    address = _address_json(origin.address)
    action, context, claims = request.action_json, request.context_json, request.data_json
    told = b'{"correlation_id":%b,"details":%b}' % (_encode(origin.correlation_id), _encode(decision.details))
    salt = salts.take(5)
    salt_hex = salt.hex()
    # Joined rather than encoded as a whole: most parts are canonical JSON already. The members stand in the order of
    # RFC 8785, and a test compares the bytes with those of an independent encoder. What may hold personal data enters
    # by its commitment, see `aim.ledger.commitments`.
    body = b"".join(
        (
            b'{"actor":',
            _actor_start(agent.hex_id, agent.name, key[0] if key else ""),
            commit(salt[:16], address).encode(),
            b'"}},"at":"',
            show_seconds(now).encode(),
            b'","data":{"action":',
            _action_start(request.action_type, agent.public_id, request.mcp_server),
            commit(salt[16:32], action).encode(),
            b'"},"tool":null},"agent":' if request.tool is None else b'"},"tool":%b},"agent":' % _encode(request.tool),
            agent.state_json,
            b',"checks":',
            _encode_as_is(decision.checks),
            b',"claims":{"sha256":"',
            commit(salt[32:48], claims).encode(),
            b'"},"context":{"sha256":"',
            commit(salt[48:64], context).encode(),
            b'"},"decision":',
            _decision_json(decision, duration_us, expires_at),
            b',"keyid":',
            _encode(decision.keyid),
            b',"personal":{"fields":["correlation_id","details"],"sha256":"',
            commit(salt[64:], told).encode(),
            b'"}',
            b',"policies":' + _encode(decision.policies) if decision.policies else b"",
            _tail(hex_id, agent.organization_hex),
        )
    )
    disclosures = b"".join(
        (
            b'{"actor.personal":["%b",' % salt_hex[:32].encode(),
            address,
            b'],"data.action.personal":["%b",' % salt_hex[32:64].encode(),
            action,
            b'],"data.claims":["%b",' % salt_hex[64:96].encode(),
            claims,
            b'],"data.context":["%b",' % salt_hex[96:128].encode(),
            context,
            b'],"data.personal":["%b",' % salt_hex[128:].encode(),
            told,
            b"]}",
        )
    )
    at = pg_time(now)
    verification: list[bytes | None] = [
        verification_id,
        agent.organization_id,
        agent.agent_id,
        status.encode(),
        decision.code.encode(),
        decision.reason.encode(),
        request.action_type.encode(),
        request.resource.encode(),
        request.user_id.encode(),
        request.session_id.encode(),
        at,
        None if expires is None else pg_time(expires),
        _pack_int(duration_us),
        request.digest,
    ]
    entry: list[bytes | None] = [verification_id, agent.organization_id, agent.agent_id, at, body, disclosures]
    return Row(verification, entry, decision_answer(hex_id, decision, expires_at))


def _decision_json(decision: Decision, duration_us: int, expires_at: str | None) -> bytes:
    if decision.status is DecisionStatus.APPROVED:
        return b'{"code":"","duration_us":%d,"expires_at":"%b","reason":"","status":"approved"}' % (
            duration_us,
            (expires_at or "").encode(),
        )
    return b'{"code":%b,"duration_us":%d,"expires_at":%b,"reason":%b%b,"status":"%b"}' % (
        _encode(decision.code),
        duration_us,
        _encode(expires_at),
        _encode(decision.reason),
        b"" if decision.requirement is None else b',"requirement":' + _encode(decision.requirement),
        decision.status.value.encode(),
    )


@lru_cache(maxsize=4096)
def _actor_start(agent_hex: str, name: str, credential: str) -> bytes:
    """The actor up to the commitment to its address."""
    known = _encode({"credential": credential, "id": agent_hex, "kind": "agent", "label": name})
    return known[:-1] + b',"personal":{"fields":["address"],"sha256":"'


@lru_cache(maxsize=4096)
def _action_start(action_type: str, agent_id: str, mcp_server: str | None) -> bytes:
    """The action up to the commitment to all of it, which hides its resource and its parameters."""
    known = _encode({"action_type": action_type, "agent_id": agent_id, "mcp_server": mcp_server})
    return known[:-1] + b',"personal":{"fields":["parameters","resource"],"sha256":"'


@lru_cache(maxsize=4096)
def _address_json(address: str) -> bytes:
    return _encode({"address": address})


def _tail(hex_id: str, organization_hex: str) -> bytes:
    return (
        f'}},"id":"{hex_id}","kind":"{_KIND}","organization":"{organization_hex}",'
        f'"subject":{{"id":"{hex_id}","kind":"verification"}},"v":{ENTRY_VERSION}}}'
    ).encode()


def decision_answer(hex_id: str, decision: Decision, expires_at: str | None) -> Answer:
    """What the agent is told: the decision, its reason and what to do about it, and nothing of the policy behind."""
    return stored_answer(
        hex_id,
        status=decision.status,
        code=decision.code,
        reason=decision.reason,
        expires_at=expires_at,
        retry_after=decision.retry_after,
    )


def stored_answer(
    hex_id: str, *, status: str, code: str, reason: str, expires_at: str | None, retry_after: int | None = None
) -> Answer:
    """The answer to a decision as it is stored, so that asking again for the same one gives the same bytes."""
    verification_id = f"{IdKind.VERIFICATION}_{hex_id}"
    if status == DecisionStatus.APPROVED:
        # Text of our own, which needs no escapes.
        return Answer(
            200,
            f'{{"approved":true,"status":"approved","verification_id":"{verification_id}",'
            f'"expires_at":"{expires_at}"}}'.encode(),
        )
    meaning = MEANINGS[code]
    body: dict[str, Any] = {
        "approved": False,
        "status": str(status),
        "verification_id": verification_id,
        "reason": reason,
        "code": str(code),
        "retryable": meaning.retryable,
    }
    if expires_at is not None:
        body["expires_at"] = expires_at
    return Answer(meaning.http_status, _encode_as_is(body), JSON, retry_after)


def refusal_answer(
    code: Code, reason: str, *, errors: list[dict[str, str]] | None = None, retry_after: int | None = None
) -> Answer:
    """The answer where no decision is recorded: malformed, unauthenticated, or not recordable. Never an approval."""
    meaning = MEANINGS[code]
    body: dict[str, Any] = {
        "type": f"urn:aim:problem:{code}",
        "title": reason,
        "detail": reason,
        "approved": False,
        "status": "denied",
        "reason": reason,
        "code": str(code),
        "retryable": meaning.retryable,
    }
    if errors is not None:
        body["errors"] = errors
    return Answer(meaning.http_status, _encode_as_is(body), PROBLEM, retry_after)


UNAUTHENTICATED = refusal_answer(Code.UNAUTHENTICATED, "Invalid credentials")
NOT_RECORDED = refusal_answer(Code.NOT_RECORDED, "The decision could not be recorded", retry_after=2)


@lru_cache(maxsize=64)
def pg_time(moment: float) -> bytes:
    """Seconds since 1970 as a binary timestamptz: microseconds since 2000."""
    return _pack_long(round((moment - _PG_EPOCH) * 1_000_000))


def later(moment: float, seconds: int) -> float:
    """A moment so many seconds later, on a whole millisecond so that every writing of it agrees."""
    return round(moment + seconds, 3)
