"""A run as a worker carries it out: claimed once, its steps saved as they change, its outcome in one transaction."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop

from aim import clock
from aim.crypto.challenges import build_statement, verify_statement_signature
from aim.crypto.verifiers import Verifier
from aim.encryption import UndecryptableError
from aim.ids import IdKind, show_id
from aim.outbound.asking import Signed
from aim.outbound.problems import KEY_DOES_NOT_MATCH, NEW_KEY_DOES_NOT_MATCH, SERVER_USES_OLD_KEY, ErrorCode, ProbeError
from aim.outbound.steps import Progress, Step
from mcp.keys import accepted_keys
from mcp.models import KeyRotation, McpServer, ServerChallenge, ServerKey, VerificationRun
from mcp.probe.examination import Examination, Findings, Plan
from mcp.probe.target import Target, target_of
from mcp.services.outcomes import Outcome, settle
from mcp.services.runs import Purpose, State, abandon

log = structlog.get_logger("aim.mcp")
CHALLENGE_LIFETIME = timedelta(seconds=60)
_NONCE_BYTES = 32


def perform(run_id: UUID) -> VerificationRun | None:
    """See `mcp.services.runs.perform_run`."""
    claimed = VerificationRun.objects.filter(id=run_id, state=State.WAITING)
    if not claimed.update(state=State.RUNNING, started_at=clock.now()):
        return None
    run = VerificationRun.objects.select_related("server", "key").get(id=run_id)
    try:
        outcome = _examine(run)
    except Exception:
        # A fault of ours says nothing about the server; the run must not look as if it went on for ever.
        log.exception("run_broke", run=run_id.hex)
        abandon(run, gettext_noop("AIM could not carry it out."))
        raise
    return settle(run_id, outcome)


def _examine(run: VerificationRun) -> Outcome:
    server, started = run.server, time.perf_counter()
    progress = Progress([Step(**step) for step in run.steps], lambda steps: _save(run, steps))
    outcome = Outcome(steps=[], findings=Findings())
    challenger = KeyChallenger(run, server)
    try:
        target = _target(run, server)
        outcome.target = target
        examination = Examination(target, _plan(run, server), progress, challenger)
        outcome.findings = examination.findings
        examination.run()
    except ProbeError as error:
        outcome.error = error
    outcome.key = challenger.signer
    outcome.steps = progress.shown()
    outcome.duration_ms = round((time.perf_counter() - started) * 1000, 1)
    return outcome


def _target(run: VerificationRun, server: McpServer) -> Target:
    address = ""
    if run.purpose == Purpose.NEW_KEY:
        rotation = rotation_of(run)
        address = rotation.verification_url if rotation else ""
    try:
        return target_of(server, verification_url=address)
    except UndecryptableError:
        text = "The credential cannot be decrypted with any of the master keys. Set it again."
        raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, text) from None


def rotation_of(run: VerificationRun) -> KeyRotation | None:
    """The rotation whose new key the run is to prove."""
    under_way = (KeyRotation.State.CONFIRMING, KeyRotation.State.PROVING)
    rows = KeyRotation.objects.filter(server_id=run.server_id, new_key_id=run.key_id, state__in=under_way)
    return rows.select_related("old_key", "new_key").first()


def _plan(run: VerificationRun, server: McpServer) -> Plan:
    match run.purpose:
        case Purpose.NEW_KEY:
            return Plan()
        case Purpose.TEST:
            return Plan(signature=False)
        case _:
            return Plan(
                tls=server.verify_tls,
                health=server.verify_health,
                capabilities=server.verify_capabilities,
                signature=server.verify_signature,
            )


def _save(run: VerificationRun, steps: list[dict[str, Any]]) -> None:
    VerificationRun.objects.filter(id=run.id, state=State.RUNNING).update(steps=steps)


class KeyChallenger:
    """Statements of one run, for the keys that prove its server: `signer` is the one that has signed."""

    def __init__(self, run: VerificationRun, server: McpServer) -> None:
        self._run = run
        self._server = server
        self._keys, self._next_key = keys_to_prove(run)
        self._challenge: ServerChallenge | None = None
        self.signer: ServerKey | None = None

    @property
    def thumbprints(self) -> Sequence[str]:
        return [key.thumbprint for key in self._keys]

    def issue(self) -> tuple[str, dict[str, Any]]:
        now, nonce, first = clock.now(), secrets.token_bytes(_NONCE_BYTES), self._keys[0]
        statement = build_statement(
            audience=settings.ORIGIN,
            organization_id=show_id(IdKind.ORGANIZATION, self._server.organization_id),
            subject_id=self._server.public_id,
            url=self._server.url,
            next_key=self._next_key,
            nonce=nonce.hex(),
            issued=now,
            expires=now + CHALLENGE_LIFETIME,
        )
        self._challenge = ServerChallenge.objects.create(
            run=self._run,
            key=first,
            nonce=nonce,
            statement=statement.encode(),
            issued_at=now,
            expires_at=now + CHALLENGE_LIFETIME,
        )
        return statement, {
            "nonce": nonce.hex()[:6],
            "key": first.fingerprint,
            "expires_at": clock.show_time(now + CHALLENGE_LIFETIME),
        }

    def judge(self, signed: Signed) -> dict[str, Any]:
        challenge, now = self._challenge, clock.now()
        assert challenge is not None
        open_ones = ServerChallenge.objects.filter(id=challenge.id, used_at=None, expires_at__gt=now)
        if not open_ones.update(used_at=now):
            raise ProbeError(ErrorCode.CHALLENGE_EXPIRED)
        # The bytes that are kept are those that were sent, and the only ones that a signature counts for.
        statement = bytes(challenge.statement).decode()
        for key in self._keys:
            if _has_signed(key, statement, signed):
                self.signer = key
                return {"algorithm": signed.algorithm or _usual(key), "fingerprint": key.fingerprint}
        raise ProbeError(ErrorCode.SIGNATURE_INVALID, text=self._why_not(statement, signed))

    def _why_not(self, statement: str, signed: Signed) -> str:
        if self._run.purpose != Purpose.NEW_KEY or self._next_key is not None:
            return KEY_DOES_NOT_MATCH
        others = [key for key in accepted_keys(self._server.keys.all(), clock.now()) if key.id != self._run.key_id]
        if any(_has_signed(key, statement, signed) for key in others):
            return SERVER_USES_OLD_KEY
        return NEW_KEY_DOES_NOT_MATCH


def keys_to_prove(run: VerificationRun) -> tuple[list[ServerKey], str | None]:
    """The keys whose signature the run accepts, the preferred one first; and the thumbprint of the key that is to take
    the signing one's place, where the run asks the old key for its consent to that.
    """
    if run.purpose == Purpose.TEST:
        return [], None
    if run.purpose == Purpose.NEW_KEY:
        if run.key is None or run.key.status == ServerKey.Status.RETIRED:
            return [], None
        rotation = rotation_of(run)
        if rotation is not None and rotation.state == KeyRotation.State.CONFIRMING:
            old = rotation.old_key
            good = old is not None and old.status == ServerKey.Status.ACTIVE
            return ([old] if old is not None and good else []), run.key.thumbprint
        return [run.key], None
    accepted = accepted_keys(run.server.keys.all(), clock.now())
    if accepted:
        return accepted, None
    # Nothing has been proved yet: the key that was registered is the one to be proved.
    return list(run.server.keys.filter(status=ServerKey.Status.UNPROVED).order_by("created_at")[:1]), None


def _has_signed(key: ServerKey, statement: str, signed: Signed) -> bool:
    return verify_statement_signature(Verifier.from_pem(key.pem), statement, signed.signature, signed.algorithm)


def _usual(key: ServerKey) -> str:
    return Verifier.from_pem(key.pem).algorithms[0]
