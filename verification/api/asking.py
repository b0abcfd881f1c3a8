"""The patient lane of `POST /verify/action`: whatever the native lane was not sure of is read here by the strict rules,
every problem is named, and what turns out well-formed goes to the same engine.
"""

import time
from collections.abc import Sequence
from hashlib import sha256

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from accounts.contracts import Actor, ActorKind
from accounts.permissions import AGENT_PERMISSIONS
from agents.models import ApiKey
from agents.selectors import api_key_by_digest
from aim.api.problems import list_problems, sentence_of
from aim.api.strict_json import MalformedJSONError, parse_json
from aim.client_address import client_address, client_scheme
from aim.crypto.signature_base import SignedMessage
from aim.errors import InvalidInputError, Problem
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.logs import correlation_id
from aim.metrics import REFUSALS
from aim.secrets import digest_of
from verification.api.action_serializer import ActionSerializer
from verification.codes import Code
from verification.contracts import ActionRequest, Origin
from verification.engine import call_engine
from verification.records import NOT_RECORDED, UNAUTHENTICATED, Answer, refusal_answer
from verification.requests import action_from

log = structlog.get_logger("aim.verification")
_MAX_RECORDED_PROBLEMS = 20


def answer_action(request: HttpRequest) -> Answer:
    """The answer to one request, whatever it is: this never raises for what a caller may send."""
    arrived = time.perf_counter_ns()
    secret = _bearer(request)
    if secret is None:
        REFUSALS.labels(Code.UNAUTHENTICATED).inc()
        return UNAUTHENTICATED
    digest = digest_of(secret)
    address = client_address(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For")) or "unknown"
    try:
        key = api_key_by_digest(digest)
    except DatabaseError:
        return NOT_RECORDED
    if key is None:
        REFUSALS.labels(Code.UNAUTHENTICATED).inc()
        return UNAUTHENTICATED
    try:
        action, body = _read(request)
    except _MalformedError as error:
        REFUSALS.labels(Code.MALFORMED).inc()
        _record_malformed(key, address, error.problems, error.body)
        return malformed_answer(error.problems, status=error.status)
    origin = Origin(_message(request, body), address, digest, correlation_id.get(), arrived)
    return call_engine(action, origin)


def malformed_answer(problems: Sequence[Problem], *, status: int = 400) -> Answer:
    """400 with every problem, in the shape of a refused decision and of RFC 9457 at once."""
    reason = "; ".join(sentence_of(problem) for problem in problems[:5])
    errors = [{"field": p.field, "code": p.code, "message": p.message} for p in problems]
    return refusal_answer(Code.MALFORMED, reason, errors=errors)._replace(status=status)


class _MalformedError(Exception):
    def __init__(self, problems: Sequence[Problem], body: bytes, status: int = 400) -> None:
        super().__init__()
        self.problems = problems
        self.body = body
        self.status = status


def _bearer(request: HttpRequest) -> str | None:
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret if scheme.lower() == "bearer" and secret.startswith("aim_") and secret.isascii() else None


def _read(request: HttpRequest) -> tuple[ActionRequest, bytes]:
    if request.META.get("HTTP_CONTENT_ENCODING"):
        raise _MalformedError([Problem("", "encoding", "Compressed bodies are not accepted.")], b"", 415)
    if request.content_type != "application/json":
        raise _MalformedError([Problem("", "content_type", "Content-Type must be application/json.")], b"", 415)
    try:
        body = request.body
    except RequestDataTooBig:
        raise _MalformedError([Problem("", "too_large", "The body is too large.")], b"", 413) from None
    try:
        value = parse_json(body)
    except MalformedJSONError as error:
        status = 413 if error.problems[0].code == "too_large" else 400
        raise _MalformedError(error.problems, body, status) from None
    serializer = ActionSerializer(data=value)
    try:
        serializer.is_valid(raise_exception=True)
        return action_from(value), body
    except ValidationError as error:
        raise _MalformedError(list(list_problems(error.detail)), body) from None
    except InvalidInputError as error:
        raise _MalformedError(error.problems, body) from None


def _message(request: HttpRequest, body: bytes) -> SignedMessage:
    """The request as it was signed: the names and values of its headers as they came over the wire."""
    meta = request.META
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    scheme = client_scheme(meta.get("REMOTE_ADDR"), meta["wsgi.url_scheme"], request.headers.get("X-Forwarded-Proto"))
    return SignedMessage(
        method=request.method or "",
        scheme=scheme,
        authority=meta.get("HTTP_HOST", "").encode("latin-1"),
        path=request.path.encode(),
        query=meta.get("QUERY_STRING", "").encode("latin-1"),
        headers=headers,
        body=body,
    )


def _record_malformed(key: ApiKey, address: str, problems: Sequence[Problem], body: bytes) -> None:
    """Put a malformed request of a known agent on record: repeated ones are how an attack begins.

    The answer is a refusal either way, so that a database that fails here only costs the evidence, and says so.
    """
    agent = key.agent
    log.warning("malformed_request", agent=agent.public_id, address=address, problems=len(problems))
    actor = Actor(ActorKind.AGENT, agent.id, agent.name, agent.organization_id, AGENT_PERMISSIONS, address, key.prefix)
    try:
        with transaction.atomic():
            append_entry(
                kind=Event.VERIFICATION_MALFORMED,
                organization_id=agent.organization_id,
                actor=actor.entry(),
                subject={"kind": "agent", "id": agent.id.hex, "label": agent.name},
                subject_id=agent.id,
                data={"body_bytes": len(body)},
                personal={
                    "body_sha256": sha256(body).hexdigest(),
                    "problems": [
                        {"field": p.field, "code": p.code, "message": p.message}
                        for p in problems[:_MAX_RECORDED_PROBLEMS]
                    ],
                    "correlation_id": correlation_id.get(),
                },
            )
    except DatabaseError:
        log.exception("malformed_request_not_recorded", agent=agent.public_id)
