"""An agent that asks AIM before it acts: registers, proves its key, signs, asks, acts, reports, verifies the record.

Needs Python 3.11 and the package `cryptography`. Nothing here comes from AIM itself:

    AIM_TOKEN=aimp_… python docs/examples/agent.py

AIM_TOKEN is a person's API token (`make up` shows one at its first start); AIM_URL is http://127.0.0.1:8000 if not set.
Prints one line for each step, and ends with 1 as soon as an answer is not the expected one.
"""

import base64
import hashlib
import http.client
import json
import os
import secrets
import sys
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AIM = urlsplit(os.environ.get("AIM_URL", "http://127.0.0.1:8000"))
OK, CREATED, ACCEPTED, FORBIDDEN, CONFLICT, TOO_MANY = 200, 201, 202, 403, 409, 429
SALT_BYTES = 16
CALLS_PER_HOUR = 3

Json = dict[str, Any]


class Answer(NamedTuple):
    """The status, the body, and the seconds of Retry-After where there is one."""

    status: int
    body: Json
    retry_after: int | None


# --- 1. HTTP: JSON out, JSON in, and a bearer secret -----------------------------------------------------------------


def call(method: str, path: str, *, bearer: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """Send one request. A person's token starts with `aimp_`, an agent's API key with `aim_`."""
    connect = http.client.HTTPSConnection if AIM.scheme == "https" else http.client.HTTPConnection
    connection = connect(AIM.netloc, timeout=30)
    all_headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json", **(headers or {})}
    try:
        connection.request(method, path, body or None, all_headers)
        response = connection.getresponse()
        retry_after = response.headers.get("Retry-After")
        return Answer(response.status, json.loads(response.read()), int(retry_after) if retry_after else None)
    finally:
        connection.close()


# --- 2. The signature of a request: RFC 9421 over the method, the host, the path and the digest of the body ----------


def base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def thumbprint(key: Ed25519PrivateKey) -> str:
    """Name the public key by RFC 7638: SHA-256 of its JWK in canonical JSON, in base64url without padding."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).rstrip(b"=").decode()


def sign(key: Ed25519PrivateKey, method: str, path: str, body: bytes) -> dict[str, str]:
    """Return the three headers that sign a request for one minute, with a nonce that is used for nothing else."""
    digest = f"sha-256=:{base64_text(hashlib.sha256(body).digest())}:"
    now = int(time.time())
    parameters = (
        f'("@method" "@authority" "@path" "content-digest");created={now};expires={now + 60}'
        f';nonce="{secrets.token_urlsafe(16)}";keyid="{thumbprint(key)}";tag="aim-verify"'
    )
    lines = [
        f'"@method": {method}',
        f'"@authority": {AIM.netloc.lower()}',
        f'"@path": {path}',
        f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    ]
    signature = base64_text(key.sign("\n".join(lines).encode()))
    return {"Content-Digest": digest, "Signature-Input": f"aim={parameters}", "Signature": f"aim=:{signature}:"}


# --- 3. The agent ----------------------------------------------------------------------------------------------------


class Agent:
    """An agent with its identity: the id, the API key that AIM shows once, and a private key that never leaves it."""

    def __init__(self, token: str, *, calls_per_hour: int) -> None:
        """Register with a person's token. The agent is `pending`: it may not do anything yet."""
        self.key = Ed25519PrivateKey.generate()
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        registration = {
            "name": f"example-python-{secrets.token_hex(4)}",
            "display_name": "Example in Python",
            "agent_type": "ai_agent",
            "version": "1.0.0",
            "capabilities": ["file_system.read"],
            "resource_scope": ["/app/**"],
            "require_approval": ["file_read:/app/payroll/**"],
            "limits": {"calls_per_hour": calls_per_hour},
            "require_signature": True,
            "public_key": pem,
        }
        answer = call("POST", "/api/v1/agents", bearer=token, body=json.dumps(registration).encode())
        expect(answer, CREATED, status="pending")
        self.id = answer.body["id"]
        self.api_key = answer.body["api_key"]

    def prove(self) -> Json:
        """Sign the statement that AIM makes up; from then on the agent is `verified`."""
        challenge = call("POST", f"/api/v1/agents/{self.id}/challenge", bearer=self.api_key)
        expect(challenge, CREATED)
        statement = challenge.body["statement"]
        # Sign only what says what it is for: a challenge of AIM, about this very agent.
        if not statement.startswith("aim-challenge-v1\n") or f"\nsubject: {self.id}\n" not in statement:
            sys.exit(f"This is no challenge for {self.id}: {statement!r}")
        body = json.dumps({"signature": base64_text(self.key.sign(statement.encode()))}).encode()
        path = f"/api/v1/agents/{self.id}/challenge/{challenge.body['id']}/response"
        answer = call("POST", path, bearer=self.api_key, body=body)
        expect(answer, OK, status="verified", trust_score=100)
        return answer.body

    def request(self, method: str, path: str, content: Json) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of a signed request, ready to be sent."""
        body = json.dumps(content).encode()
        return body, sign(self.key, method, path, body)

    def ask(self, action_type: str, resource: str) -> Answer:
        """Ask for leave. Only `"approved": true` is leave; everything else, and no answer at all, is not."""
        body, headers = self.request("POST", "/api/v1/verify/action", self.action(action_type, resource))
        return call("POST", "/api/v1/verify/action", bearer=self.api_key, body=body, headers=headers)

    def action(self, action_type: str, resource: str) -> Json:
        context = {"user_id": "usr_123", "session_id": "sess_456"}
        return {"agent_id": self.id, "action_type": action_type, "resource": resource, "context": context}

    def follow(self, verification_id: str) -> Answer:
        """Wait until a pending request is decided. Each question is answered after 20 seconds at the latest."""
        while True:
            answer = call("GET", f"/api/v1/verify/{verification_id}?wait=20", bearer=self.api_key)
            if answer.status != OK or answer.body["status"] != "pending":
                return answer

    def report(self, verification_id: str, *, duration_ms: int) -> Answer:
        """Tell what came of an approved action: once, before the approval expires."""
        path = f"/api/v1/verify/{verification_id}/complete"
        body, headers = self.request("POST", path, {"status": "success", "duration_ms": duration_ms, "bytes": 512})
        return call("POST", path, bearer=self.api_key, body=body, headers=headers)


# --- 4. The story ----------------------------------------------------------------------------------------------------


def expect(answer: Answer, status: int, /, **members: object) -> None:
    """End the program unless the answer has this status and these members."""
    wrong = {name: answer.body.get(name) for name, value in members.items() if answer.body.get(name) != value}
    if answer.status != status or wrong:
        sys.exit(f"Expected {status} {members}, but the answer is {answer.status} {json.dumps(answer.body)}")


def say(step: str, text: str) -> None:
    print(f"{step:<13} {text}", flush=True)


def main() -> None:
    token = os.environ.get("AIM_TOKEN") or sys.exit("Set AIM_TOKEN to a personal API token (aimp_…).")
    agent = Agent(token, calls_per_hour=1000)
    say("registered", f"{agent.id} is pending")
    verified = agent.prove()
    say("proved", f"{verified['name']} is verified, trust {verified['trust_score']:g}")

    approved = agent.ask("file_read", "/app/config/config.json")
    expect(approved, OK, approved=True, status="approved")
    say("approved", f"file_read /app/config/config.json as {approved.body['verification_id']}")
    completed = agent.report(approved.body["verification_id"], duration_ms=15)
    expect(completed, OK, status="success")
    say("completed", f"{approved.body['verification_id']} success, 15 ms")
    again = agent.report(approved.body["verification_id"], duration_ms=15)
    expect(again, CONFLICT)
    say("only once", again.body["detail"])

    denied = agent.ask("file_delete", "/app/config/backup.json")
    expect(denied, FORBIDDEN, approved=False, code="capability_missing", reason="Missing capability: file_delete")
    say("denied", f"file_delete /app/config/backup.json: {denied.body['reason']}")
    outside = agent.ask("file_read", "/app/../etc/passwd")
    expect(outside, FORBIDDEN, approved=False, code="out_of_scope", reason="Resource out of scope")
    say("out of scope", f"file_read /app/../etc/passwd: {outside.body['reason']}")
    pending = agent.ask("file_read", "/app/payroll/2026-11.csv")
    expect(pending, ACCEPTED, approved=False, status="pending", code="approval_required")
    say("pending", f"file_read /app/payroll/2026-11.csv: {pending.body['reason']} by {pending.body['expires_at']}")

    wait_for_a_person(agent, pending.body["verification_id"], token)
    replay(agent)
    reach_the_limit(token)
    verify_the_proof(agent, approved.body["verification_id"])


def wait_for_a_person(agent: Agent, verification_id: str, token: str) -> None:
    """Let a person approve what waits, follow it until it is decided, and act only then.

    The person decides in the console or, as here, by a token. The request for approval has the digits of the decision.
    """
    approval = verification_id.replace("ver_", "apr_")
    decided = call("POST", f"/api/v1/approvals/{approval}/approve", bearer=token, body=b'{"mode": "once"}')
    expect(decided, OK, status="approved")
    say("decided", f"a person approves {approval}, once")
    state = agent.follow(verification_id)
    expect(state, OK, approved=True, status="approved")
    say("approved", f"file_read /app/payroll/2026-11.csv as {verification_id}")
    expect(agent.report(verification_id, duration_ms=20), OK, status="success")
    say("completed", f"{verification_id} success, 20 ms")


def replay(agent: Agent) -> None:
    """Send one signed request twice, as after a lost answer: one decision, told twice."""
    path = "/api/v1/verify/action"
    body, headers = agent.request("POST", path, agent.action("file_read", "/app/README.md"))
    first = call("POST", path, bearer=agent.api_key, body=body, headers=headers)
    expect(first, OK, approved=True)
    second = call("POST", path, bearer=agent.api_key, body=body, headers=headers)
    expect(second, OK, **first.body)
    say("replayed", f"the same request has the same answer, {first.body['verification_id']}")
    altered = json.dumps(agent.action("file_read", "/app/LICENSE")).encode()
    expect(
        call("POST", path, bearer=agent.api_key, body=altered, headers=headers),
        FORBIDDEN,
        code="signature_invalid",
        reason="Invalid signature",
    )
    say("altered", "the same signature over another body: Invalid signature")


def reach_the_limit(token: str) -> None:
    """Let a second agent use up its few calls. The limit is of the clock hour, so a new hour may begin meanwhile."""
    agent = Agent(token, calls_per_hour=CALLS_PER_HOUR)
    agent.prove()
    for _ in range(2 * CALLS_PER_HOUR):
        answer = agent.ask("file_list", "/app")
        if answer.status != OK:
            break
    else:
        answer = agent.ask("file_list", "/app")
    expect(answer, TOO_MANY, approved=False, code="rate_limited", reason="Rate limit exceeded", retryable=True)
    if answer.retry_after is None:
        sys.exit("The refusal has no Retry-After.")
    say("rate limited", f"{answer.body['reason']}: {CALLS_PER_HOUR} calls an hour, again in {answer.retry_after} s")


# --- 5. The proof: RFC 6962 up to a root that is signed (c2sp.org/signed-note) ---------------------------------------


def verify_the_proof(agent: Agent, verification_id: str) -> None:
    """Fetch the proof of a decision, and believe nothing of it but the key. It is there seconds after the decision."""
    while (answer := call("GET", f"/api/v1/verifications/{verification_id}/proof", bearer=agent.api_key)).retry_after:
        time.sleep(answer.retry_after)
    expect(answer, OK)
    proof = answer.body
    # A real agent has got the key at another time, by another way.
    keys = call("GET", "/api/v1/ledger/keys", bearer=agent.api_key).body["keys"]
    size, root, extension = open_checkpoint(proof["checkpoint"], [key["key"] for key in keys])
    entry = proof["entry"].encode()
    if audit_root(entry, proof["seq"], size, [base64.b64decode(step) for step in proof["path"]]) != root:
        sys.exit("The decision is not in the ledger that was signed.")
    sealed = json.loads(entry)
    if sealed["id"] != verification_id.removeprefix("ver_"):
        sys.exit("The proof is of something else.")
    action = proof["disclosures"]["data.action.personal"]
    salt = bytes.fromhex(action["salt"])
    committed = hashlib.sha256(salt + action["value"].encode()).hexdigest()
    if len(salt) != SALT_BYTES or sealed["data"]["action"]["personal"]["sha256"] != committed:
        sys.exit("What is disclosed of the action is not what was sealed.")
    what, status = json.loads(action["value"])["resource"], sealed["data"]["decision"]["status"]
    say("proved", f"{what} was {status}: entry {proof['seq']} of {size}, checkpoint {extension.removeprefix('aim ')}")


def open_checkpoint(note: str, keys: list[str]) -> tuple[int, bytes, str]:
    """Size, root and extension line of a checkpoint; ends the program unless one of the keys has signed it."""
    text, _, lines = note.rpartition("\n\n")
    for key in keys:
        name, identity, encoded = key.split("+", 2)
        for line in lines.splitlines():
            _, signer, signature = line.split(" ")
            raw = base64.b64decode(signature)
            if (signer, raw[:4].hex()) == (name, identity):
                public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
                public.verify(raw[4:], f"{text}\n".encode())  # raises where it is not signed
                log, size, root, extension = text.split("\n")
                if log == name:
                    return int(size), base64.b64decode(root), extension
    sys.exit("The checkpoint is not signed by a key of the ledger.")


def audit_root(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the entry leads to: RFC 9162 section 2.1.3.2."""
    found, last = hashlib.sha256(b"\x00" + entry).digest(), size - 1
    for step in path:
        if index & 1 or index == last:
            found = hashlib.sha256(b"\x01" + step + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + step).digest()
        index, last = index >> 1, last >> 1
    return found


if __name__ == "__main__":
    main()
