"""How the demonstration's agents reach the product: over HTTP, signed, as any other agent."""

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aim.crypto.signing import sign_request
from verification.demo.enlisting import Enlisted

ASK = "/api/v1/verify/action"
_SECONDS = 10


class Reply(NamedTuple):
    status: int
    body: dict[str, Any]


class Caller:
    """One kept connection to `origin`, opened again when it breaks. Without an answer: OSError or HTTPException."""

    def __init__(self, origin: str) -> None:
        self._origin = origin.rstrip("/")
        target = urlsplit(self._origin)
        connect = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        self._connection = connect(target.netloc, timeout=_SECONDS)

    def ask(self, agent: Enlisted, action: dict[str, Any], *, spoil: bool = False) -> Reply:
        """Ask for an action; `spoil` changes the body after it was signed, as an attacker on the way would."""
        body = json.dumps({"agent_id": agent.agent_id, **action}).encode()
        headers = sign_request(agent.signer, "POST", self._origin + ASK, body=body) if agent.signer else {}
        return self._post(ASK, agent, body + b" " if spoil else body, headers)

    def report(self, agent: Enlisted, verification_id: str, report: dict[str, Any]) -> Reply:
        """Tell what came of an approved action."""
        return self._post(f"/api/v1/verify/{verification_id}/complete", agent, json.dumps(report).encode(), {})

    def close(self) -> None:
        self._connection.close()

    def _post(self, path: str, agent: Enlisted, body: bytes, headers: dict[str, str]) -> Reply:
        headers = {"Authorization": f"Bearer {agent.api_key}", "Content-Type": "application/json", **headers}
        try:
            self._connection.request("POST", path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except BaseException:
            # Also when the program is told to stop: half an answer must not be taken for the next one's beginning.
            self._connection.close()
            raise
        return Reply(response.status, _object(text))


def _object(text: bytes) -> dict[str, Any]:
    """The JSON object in an answer; empty for the page of a proxy."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
