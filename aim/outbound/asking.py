"""The question that only the holder of a private key can answer, put to a verification URL."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aim.outbound.lines import Reply, read_object
from aim.outbound.problems import CANNOT_REACH_ENDPOINT, ErrorCode, ProbeError, shortened

MOST_BYTES = 64 * 1024
_REFUSED_TO_SIGN = frozenset({400, 403, 409, 422})
_SUCCESS = range(200, 300)


@dataclass(frozen=True)
class Signed:
    """What was answered: standard base64, and the algorithm where it names one."""

    signature: str
    algorithm: str | None
    seconds: float


def ask_to_sign(call: Callable[..., Reply], url: str, statement: str, thumbprints: Sequence[str]) -> Signed:
    """Post the statement; `thumbprints` (RFC 7638) are those of the keys that may sign it, the preferred one first.

    `call` is a `Line.call` that raises `ProbeError`. Raises `ProbeError` where nothing was signed.
    """
    body = json.dumps({"challenge": statement, "keys": list(thumbprints)}).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    reply = call("POST", url, headers=headers, body=body, most_bytes=MOST_BYTES)
    answer = read_object(reply.body) or {}
    if reply.status in _REFUSED_TO_SIGN:
        reason = shortened(str(answer.get("error", "")))
        text = f"The verification endpoint refused to sign ({reply.status}). {reason}"
        raise ProbeError(ErrorCode.SIGNATURE_INVALID, text)
    if reply.status not in _SUCCESS:
        text = f"The verification endpoint answered {reply.status}."
        raise ProbeError(ErrorCode.UNREACHABLE, text, text=CANNOT_REACH_ENDPOINT)
    signature, algorithm = answer.get("signature"), answer.get("algorithm")
    if not isinstance(signature, str) or not signature:
        raise ProbeError(ErrorCode.SIGNATURE_INVALID, "The answer has no signature.")
    return Signed(signature, algorithm if isinstance(algorithm, str) else None, reply.seconds)
