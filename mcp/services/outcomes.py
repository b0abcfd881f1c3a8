"""What a run leads to: its server verified or failed, its key proved, its tools pinned, all in one transaction."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from aim import clock
from aim.ledger.events import Event
from aim.outbound.problems import ErrorCode, ProbeError
from mcp.alerts import FAILURE
from mcp.ledger_entries import key_data, record
from mcp.models import (
    Certificate,
    McpServer,
    ServerKey,
    ServerStatus,
    VerificationRun,
    VerificationStatus,
)
from mcp.pacing import next_verification_at
from mcp.probe.examination import Findings
from mcp.probe.target import Target
from mcp.services.certificates import keep_certificate
from mcp.services.drift import take_offer
from mcp.services.events import Kind, Severity, mcp_system, note
from mcp.services.lifecycle import move_server
from mcp.services.notices import tell
from mcp.services.offerings import take_offerings
from mcp.services.rotation import key_proved, old_key_proved
from mcp.services.runs import Purpose, State

FULL_TRUST = 100
_CHANGED = gettext_noop("The server was changed while it was examined. Verify it again.")
_OF_CERTIFICATES = frozenset({ErrorCode.CERTIFICATE_EXPIRED, ErrorCode.CERTIFICATE_INVALID})


@dataclass
class Outcome:
    """What was seen, and the first error where there was one. `key` is the one whose signature was good."""

    steps: list[dict[str, Any]]
    findings: Findings
    error: ProbeError | None = None
    key: ServerKey | None = None
    target: Target | None = None
    duration_ms: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def settle(run_id: UUID, outcome: Outcome) -> VerificationRun:
    """End the run and do what follows from it, unless it was given up meanwhile."""
    server_id = VerificationRun.objects.values_list("server_id", flat=True).get(id=run_id)
    server = McpServer.objects.select_for_update(no_key=True).get(id=server_id)
    run = VerificationRun.objects.select_for_update(of=("self",)).select_related("key", "started_by").get(id=run_id)
    if run.state != State.RUNNING:
        return run
    run.steps, run.duration_ms, run.finished_at = outcome.steps, outcome.duration_ms, clock.now()
    run.protocol, run.tls_version = outcome.findings.protocol, outcome.findings.tls_version
    run.response_ms = outcome.findings.response_ms
    if _is_out_of_date(server, run, outcome):
        run.state, run.error = State.ABANDONED, _CHANGED
        run.save()
        if run.purpose == Purpose.VERIFICATION:
            McpServer.objects.filter(id=server.id).update(next_verification_at=clock.now())
        return run
    if run.purpose == Purpose.VERIFICATION:
        run.key = outcome.key
    if outcome.error is None:
        run.state = State.SUCCEEDED
    else:
        run.state, run.error_code, run.error = State.FAILED, outcome.error.code.value, outcome.error.text
    run.save()
    _follow(server, run, outcome)
    return run


def _is_out_of_date(server: McpServer, run: VerificationRun, outcome: Outcome) -> bool:
    """Whether what was examined is no longer what is registered."""
    target, key = outcome.target, outcome.key
    if server.status == ServerStatus.RETIRED:
        return True
    if (
        target is not None
        and run.purpose == Purpose.VERIFICATION
        and target.verification_url != server.verification_url
    ):
        return True
    if target is not None and (target.url, target.protocol, target.auth_method, target.ca_certificate) != (
        server.url,
        server.protocol,
        server.auth_method,
        server.ca_certificate,
    ):
        return True
    return key is not None and not server.keys.filter(id=key.id).exclude(status=ServerKey.Status.RETIRED).exists()


def _follow(server: McpServer, run: VerificationRun, outcome: Outcome) -> None:
    event = Event.MCP_RUN_FAILED if outcome.error else Event.MCP_RUN_SUCCEEDED
    record(mcp_system(server), event, server=server, data=_data(run, outcome))
    if outcome.error is not None:
        note(
            server,
            Kind.VERIFICATION_FAILED,
            Severity.MEDIUM if run.purpose == Purpose.TEST else Severity.HIGH,
            _(_FAILED[Purpose(run.purpose)]) % {"reason": outcome.error.text},
            {"run": run.id.hex, "error_code": run.error_code, "detail": outcome.error.detail},
        )
    if run.purpose == Purpose.NEW_KEY:
        if outcome.error is None and outcome.key is not None:
            # The old key's signature is its consent; the new key's is its proof.
            (key_proved if outcome.key.id == run.key_id else old_key_proved)(run)
        return
    if run.purpose == Purpose.TEST:
        return
    if outcome.error is None:
        _succeed(server, run, outcome)
    else:
        _fail(server, run, outcome.error)


def _succeed(server: McpServer, run: VerificationRun, outcome: Outcome) -> None:
    now = clock.now()
    active = server.keys.filter(status=ServerKey.Status.ACTIVE)
    if outcome.key is not None and outcome.key.status == ServerKey.Status.UNPROVED and not active.exists():
        ServerKey.objects.filter(id=outcome.key.id).update(status=ServerKey.Status.ACTIVE, proved_at=now)
    server.verification, server.trust_score = VerificationStatus.VERIFIED, FULL_TRUST
    server.last_verified_at, server.consecutive_failures = now, 0
    server.next_verification_at = next_verification_at(now, reverify_hours=server.reverify_hours, failures=0)
    _keep_certificate(server, outcome)
    server.save(
        update_fields=[
            *("verification", "trust_score", "last_verified_at", "consecutive_failures", "next_verification_at"),
            *("tls_version", "updated_at"),
        ]
    )
    if server.status == ServerStatus.SUSPENDED and server.suspended_by_failures:
        move_server(mcp_system(server), server, "resumed", reason="Verified again", by_failures=True)
        note(server, Kind.SUSPENSION, Severity.LOW, _("Server resumed: verified again"), {"run": run.id.hex})
        if server.notify_on_failure:
            sentence = _("MCP server %(server)s is back") % {"server": server.name}
            details = [_("A verification has succeeded, and agents may use the server again.")]
            tell(server, FAILURE, sentence, details, once=f"mcp-run:{run.id.hex}")
    offer = outcome.findings.offer
    if offer is not None:
        take_offer(server, run, offer.tools)
        take_offerings(server, run, offer, outcome.findings.instructions)


def _fail(server: McpServer, run: VerificationRun, error: ProbeError) -> None:
    server.verification = VerificationStatus.FAILED
    server.consecutive_failures = min(server.consecutive_failures + 1, 32_767)
    server.next_verification_at = next_verification_at(
        clock.now(), reverify_hours=server.reverify_hours, failures=server.consecutive_failures
    )
    server.save(update_fields=["verification", "consecutive_failures", "next_verification_at", "updated_at"])
    suspended = False
    if (
        server.auto_suspend
        and server.status == ServerStatus.ACTIVE
        and server.consecutive_failures >= server.failure_threshold
    ):
        times = f"{server.consecutive_failures} times in a row" if server.consecutive_failures > 1 else "once"
        reason = f"Verification failed {times}: {error.text}"
        move_server(mcp_system(server), server, "suspended", reason=reason, by_failures=True)
        text = _("MCP Server suspended: %(reason)s") % {"reason": error.text}
        note(server, Kind.SUSPENSION, Severity.CRITICAL, text, {"run": run.id.hex})
        suspended = True
    # People are told of the first failure of a row and of what it leads to, not of every try in between.
    if server.notify_on_failure and (suspended or server.consecutive_failures == 1):
        _notify(server, run, error)


def _notify(server: McpServer, run: VerificationRun, error: ProbeError) -> None:
    suspended = server.status == ServerStatus.SUSPENDED and server.suspended_by_failures
    words = (
        _("MCP server %(server)s is suspended") if suspended else _("MCP server %(server)s has failed its verification")
    )
    details = [
        error.text,
        _("Consecutive failures: %(number)s (threshold: %(threshold)s)")
        % {"number": server.consecutive_failures, "threshold": server.failure_threshold},
    ]
    tell(server, FAILURE, words % {"server": server.name}, details, once=f"mcp-run:{run.id.hex}")


def _keep_certificate(server: McpServer, outcome: Outcome) -> None:
    """The certificate that the server has shown is its current one."""
    shown = outcome.findings.certificate
    if shown is None:
        return
    server.tls_version = outcome.findings.tls_version
    keep_certificate(server, shown, role=Certificate.Role.SERVER)


_FAILED = {
    Purpose.VERIFICATION: gettext_noop("Verification failed: %(reason)s"),
    Purpose.NEW_KEY: gettext_noop("Proof of a new key failed: %(reason)s"),
    Purpose.TEST: gettext_noop("Connection test failed: %(reason)s"),
}


def _data(run: VerificationRun, outcome: Outcome) -> dict[str, object]:
    return {
        "run": run.id.hex,
        "purpose": str(run.purpose),
        "trigger": str(run.trigger),
        "method": str(run.method),
        "protocol": run.protocol,
        "tls_version": run.tls_version,
        "duration_ms": run.duration_ms,
        "public_key": key_data(run.key) if run.key else None,
        "started_by": run.started_by_id.hex if run.started_by_id else None,
        "error_code": run.error_code,
        "error": f"{outcome.error.text} {outcome.error.detail}".strip() if outcome.error else None,
    }
