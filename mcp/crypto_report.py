"""The report of a server's cryptographic identity: what an auditor takes away, as signed PDF or as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.permissions import Permission
from agents.models import Agent
from aim import clock
from aim.console.downloads import file_name
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from aim.reports.documents import Block, Check, Checks, Document, Fact, Facts, Heading, Score, Table, Text
from aim.reports.kinds import Gathered, ReportKind, Tell
from aim.reports.models import Report
from mcp.assessment import Assessment, assess
from mcp.figures import attempts_of, connected_agents
from mcp.identity import Identity, algorithm_of, identity_of, type_label
from mcp.ledger_entries import record
from mcp.models import KeyRotation, McpServer, ServerKey, VerificationRun
from mcp.services.events import mcp_system

SECTIONS: Final[Mapping[str, Promise]] = {
    "key": _("Public key information"),
    "history": _("Verification history"),
    "rotations": _("Key rotation history"),
    "compliance": _("Security compliance status"),
    "agents": _("Connected agents"),
}
MOST_RUNS: Final = 5000


def gather(report: Report, tell: Tell) -> Gathered:
    """Everything that the chosen sections say, as it is at this moment."""
    server = _server(report)
    sections = [name for name in SECTIONS if name in report.options.get("sections", list(SECTIONS))]
    identity, attempts = identity_of(server), attempts_of(server)
    assessment = assess(server, identity, attempts)
    blocks: list[Block] = _identity(server, identity)
    data: dict[str, Any] = {
        "report": {
            "id": report.public_id,
            "kind": report.kind,
            "made_at": clock.show_time(identity.at),
            "made_by": report.asked_by,
            "sections": sections,
        },
        "server": _server_data(server, identity),
    }
    makers = {
        "key": lambda: _keys(server),
        "history": lambda: _history(server),
        "rotations": lambda: _rotations(server, identity),
        "compliance": lambda: _compliance(server, assessment),
        "agents": lambda: _agents(server),
    }
    for place, name in enumerate(sections):
        tell(100 * place // len(sections), str(SECTIONS[name]))
        found, values = makers[name]()
        blocks += [Heading(str(SECTIONS[name])), *found]
        data[name] = values
    document = Document(
        title=f"Cryptographic report: {server.display_name}",
        subtitle=f"{server.name}, version {server.version}, {server.public_id}",
        organization=server.organization.name,
        id=report.public_id,
        made_at=identity.at,
        made_by=report.asked_by,
        blocks=blocks,
    )
    return Gathered(document, data, _stem(server))


def note_made(report: Report) -> None:
    server = _server(report)
    data = {
        "report": report.id.hex,
        "form": str(report.form),
        "sections": report.options.get("sections", []),
        "sha256": report.sha256,
        "bytes": len(bytes(report.content or b"")),
        "asked_by": show_id(IdKind.USER, report.asked_by_id) if report.asked_by_id else None,
    }
    record(mcp_system(server), Event.MCP_REPORT_MADE, server=server, data=data)


CRYPTO_REPORT = ReportKind("mcp_crypto", Permission.MCP_READ.value, gather, note_made)


def _server(report: Report) -> McpServer:
    assert report.subject_id is not None
    servers = McpServer.objects.select_related("organization", "owner")
    return servers.get(id=report.subject_id, organization_id=report.organization_id)


def _identity(server: McpServer, identity: Identity) -> list[Block]:
    key = identity.key
    return [
        Facts(
            [
                Fact("URL", server.url, mono=True),
                Fact("Status", server.get_status_display()),
                Fact("Verification", server.get_verification_display()),
                Fact("Last verified", _time(server.last_verified_at) or "never"),
                Fact("Key fingerprint", key.fingerprint if key else "no public key", mono=key is not None),
                Fact("Key type", identity.label or "none"),
                Fact("Verification URL", server.verification_url or "none", mono=bool(server.verification_url)),
                Fact("TLS", server.tls_version.replace("TLSv", "TLS ") or "not measured"),
                Fact("Owner", (server.owner.name or server.owner.email) if server.owner else "none"),
            ]
        )
    ]


def _server_data(server: McpServer, identity: Identity) -> dict[str, Any]:
    key = identity.key
    return {
        "id": server.public_id,
        "name": server.name,
        "display_name": server.display_name,
        "version": server.version,
        "url": server.url,
        "status": str(server.status),
        "verification": str(server.verification),
        "last_verified_at": _shown(server.last_verified_at),
        "verification_url": server.verification_url or None,
        "tls_version": server.tls_version or None,
        "fingerprint": key.fingerprint if key else None,
    }


def _keys(server: McpServer) -> tuple[list[Block], Any]:
    keys = list(server.keys.order_by("-created_at"))
    blocks: list[Block] = [_key_facts(key) for key in keys if key.status != ServerKey.Status.RETIRED]
    if not blocks:
        blocks.append(Text("The server has no public key.", quiet=True))
    return blocks, [_key_data(key) for key in keys]


def _key_facts(key: ServerKey) -> Facts:
    return Facts(
        [
            Fact("Fingerprint (SHA-256)", key.fingerprint, mono=True),
            Fact("Type", f"{type_label(key.key_type, key.bits)}, {key.bits} bits"),
            Fact("Algorithm", algorithm_of(key.key_type)),
            Fact("State", str(key.status)),
            Fact("Created", _time(key.created_at)),
            Fact("Proved", _time(key.proved_at) or "not yet"),
            Fact("Public key", key.pem.strip(), mono=True),
        ]
    )


def _key_data(key: ServerKey) -> dict[str, Any]:
    return {
        "id": key.public_id,
        "type": type_label(key.key_type, key.bits),
        "bits": key.bits,
        "algorithm": algorithm_of(key.key_type),
        "fingerprint": key.fingerprint,
        "thumbprint": key.thumbprint,
        "status": str(key.status),
        "created_at": _shown(key.created_at),
        "proved_at": _shown(key.proved_at),
        "retired_at": _shown(key.retired_at),
        "pem": key.pem,
    }


def _history(server: McpServer) -> tuple[list[Block], Any]:
    attempts = attempts_of(server)
    ended = VerificationRun.objects.filter(server=server, finished_at__isnull=False)
    runs = list(ended.select_related("key").order_by("-id")[: MOST_RUNS + 1])
    more, runs = len(runs) > MOST_RUNS, runs[:MOST_RUNS]
    share = "no attempts yet" if attempts.share is None else f"{attempts.share:.1f} %"
    blocks: list[Block] = [
        Facts(
            [
                Fact("Success rate", f"{share}, {attempts.succeeded} of {attempts.total} attempts"),
                Fact("Response time", _ms(attempts.response_ms) + ", average of the last 10 verifications"),
            ]
        ),
        Table(
            heads=["Time (UTC)", "Method", "Result", "Duration", "Error"],
            rows=[
                [
                    _time(run.created_at),
                    run.get_method_display(),
                    str(run.state),
                    _ms(run.duration_ms),
                    run.error,
                ]
                for run in runs
            ],
            shares=[22, 18, 12, 12, 36],
            empty="The server has not been verified yet.",
        ),
    ]
    if more:
        blocks.append(Text(f"Only the latest {MOST_RUNS} attempts are listed.", quiet=True))
    rows = [
        {
            "at": _shown(run.created_at),
            "purpose": str(run.purpose),
            "method": str(run.method),
            "trigger": str(run.trigger),
            "state": str(run.state),
            "duration_ms": run.duration_ms,
            "response_ms": run.response_ms,
            "key": run.key.fingerprint if run.key else None,
            "error_code": run.error_code or None,
            "error": run.error or None,
        }
        for run in runs
    ]
    summary = {"total": attempts.total, "succeeded": attempts.succeeded, "response_ms": attempts.response_ms}
    return blocks, {**summary, "attempts": rows, "complete": not more}


def _rotations(server: McpServer, identity: Identity) -> tuple[list[Block], Any]:
    rotations = list(server.rotations.select_related("old_key", "new_key", "started_by").order_by("-id"))
    due = "no key" if identity.due_at is None else _time(identity.due_at)
    blocks: list[Block] = [
        Facts(
            [
                Fact("Policy", f"Required every {server.rotation_days} days"),
                Fact("Next rotation due", due),
                Fact("Key age", "no key" if identity.age_days is None else f"{identity.age_days} days"),
            ]
        ),
        Table(
            heads=["Started (UTC)", "From", "To", "Method", "State", "Completed (UTC)"],
            rows=[
                [
                    _time(row.created_at),
                    row.old_key.fingerprint[:23] + "…" if row.old_key else "none",
                    row.new_key.fingerprint[:23] + "…",
                    row.get_method_display(),
                    str(KeyRotation.Completion(row.completion).label) if row.completion else row.get_state_display(),
                    _time(row.completed_at),
                ]
                for row in rotations
            ],
            shares=[17, 20, 20, 13, 15, 15],
            mono=frozenset({1, 2}),
            empty="The key has not been rotated yet.",
        ),
    ]
    rows = [
        {
            "started_at": _shown(row.created_at),
            "old_key": row.old_key.fingerprint if row.old_key else None,
            "new_key": row.new_key.fingerprint,
            "method": str(row.method),
            "days": row.days,
            "state": str(row.state),
            "completion": row.completion or None,
            "confirmed_how": row.confirmed_how or None,
            "proved_at": _shown(row.proved_at),
            "completed_at": _shown(row.completed_at),
        }
        for row in rotations
    ]
    return blocks, {"policy_days": server.rotation_days, "next_due_at": _shown(identity.due_at), "rotations": rows}


def _compliance(server: McpServer, assessment: Assessment) -> tuple[list[Block], Any]:
    name = server.display_name
    blocks: list[Block] = [
        Text(
            f"Attestation: at the time of this report the MCP server {name} meets every check of cryptographic"
            " compliance that AIM makes: key strength, key age, frequency of verification and TLS version."
            if assessment.compliant
            else f"Attestation: at the time of this report the MCP server {name} does not meet all checks of"
            " cryptographic compliance that AIM makes. The checks below say which."
        ),
        Checks([Check(str(check.label), check.passed, check.detail) for check in assessment.checks]),
        Score(
            assessment.score,
            100,
            f"Security score, {assessment.band}",
            [(str(part.label), part.points, part.most) for part in assessment.parts],
        ),
        Text("Recommendations"),
        *(Text(f"– {advice}") for advice in assessment.recommendations or [_("None (all checks passed)")]),
    ]
    data = {
        "compliant": assessment.compliant,
        "checks": [{"name": c.name, "label": str(c.label), "passed": c.passed} for c in assessment.checks],
        "security_score": assessment.score,
        "parts": [{"label": str(p.label), "points": p.points, "of": p.most} for p in assessment.parts],
        "recommendations": [str(advice) for advice in assessment.recommendations],
    }
    return blocks, data


def _agents(server: McpServer) -> tuple[list[Block], Any]:
    rows = connected_agents(Agent.objects.filter(organization_id=server.organization_id), server)
    table = Table(
        heads=["Agent", "Id", "Last request (UTC)", "Requests, 24 h", "Trust"],
        rows=[
            [
                row.agent.display_name if row.agent else "a deleted agent",
                show_id(IdKind.AGENT, row.agent_id),
                _time(row.last_at),
                str(row.requests),
                "–" if row.trust is None else f"{row.trust:g}",
            ]
            for row in rows
        ],
        shares=[26, 36, 18, 11, 9],
        mono=frozenset({1}),
        empty="No agent has asked to use the server yet.",
    )
    data = [
        {
            "id": show_id(IdKind.AGENT, row.agent_id),
            "name": row.agent.name if row.agent else None,
            "last_request_at": _shown(row.last_at),
            "requests_24h": row.requests,
            "trust_score": row.trust,
        }
        for row in rows
    ]
    return [table], data


def _stem(server: McpServer) -> str:
    return file_name(server.name, "crypto-report", ending="").rstrip(".")


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _shown(at: datetime | None) -> str | None:
    return clock.show_time(at) if at else None


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f} ms"
