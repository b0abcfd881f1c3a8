"""How good a server's cryptographic identity is: the checks of compliance, the score and what it is made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from aim import clock
from mcp.figures import Attempts, attempts_of
from mcp.identity import Identity, identity_of
from mcp.models import McpServer, ServerStatus, VerificationStatus

DAILY: Final = timedelta(hours=24)
# A run that is spread over the hour after it was due does not break a daily requirement.
_GRACE: Final = timedelta(hours=1)
RSA_MINIMUM: Final = 2048
_GOOD_TLS = {"TLSv1.2", "TLSv1.3"}
_BANDS = ((90, _("excellent")), (75, _("good")), (50, _("fair")), (0, _("poor")))
ATTENTION_BELOW = 75


@dataclass(frozen=True, slots=True)
class Check:
    """One check of compliance. `passed` is None where nothing has been measured yet, which is not compliant."""

    name: str
    label: Promise | str
    passed: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one thing adds to the score, of what it could add."""

    label: Promise
    points: int
    most: int
    advice: Promise | None


@dataclass(frozen=True, slots=True)
class Assessment:
    checks: list[Check]
    parts: list[Part]

    @property
    def score(self) -> int:
        """0 to 100."""
        return sum(part.points for part in self.parts)

    @property
    def band(self) -> Promise:
        return next(words for least, words in _BANDS if self.score >= least)

    @property
    def tone(self) -> str:
        return "allowed" if self.score >= 75 else "pending" if self.score >= 50 else "denied"  # noqa: PLR2004

    @property
    def compliant(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def recommendations(self) -> list[Promise]:
        return [part.advice for part in self.parts if part.advice is not None]


def assess(server: McpServer, identity: Identity | None = None, attempts: Attempts | None = None) -> Assessment:
    identity = identity or identity_of(server)
    attempts = attempts or attempts_of(server)
    now = identity.at
    return Assessment(_checks(server, identity, now), _parts(server, identity, attempts, now))


def needs_attention(server: McpServer, identity: Identity, assessment: Assessment) -> list[Promise | str]:
    """Why somebody should look at the server; empty where all is well."""
    reasons: list[Promise | str] = []
    if identity.due:
        reasons.append(_("Key age %(n)d days (overdue rotation)") % {"n": identity.age_days})
    if identity.key is None:
        reasons.append(_("No public key"))
    if server.verification != VerificationStatus.VERIFIED:
        reasons.append(_("Verification failed") if server.verification == "failed" else _("Not verified"))
    if server.status == ServerStatus.SUSPENDED:
        reasons.append(_("Suspended"))
    reasons += [
        check.label for check in assessment.checks if check.passed is False and check.name in {"tls", "strength"}
    ]
    return reasons


def _strong(identity: Identity) -> bool | None:
    if identity.key is None:
        return None
    return identity.key.key_type != "rsa" or identity.key.bits >= RSA_MINIMUM


def _fresh(server: McpServer, now: datetime) -> bool | None:
    if server.last_verified_at is None:
        return None
    return server.verification == VerificationStatus.VERIFIED and now - server.last_verified_at <= DAILY + _GRACE


def _tls(server: McpServer) -> bool | None:
    return server.tls_version in _GOOD_TLS if server.tls_version else None


def _checks(server: McpServer, identity: Identity, now: datetime) -> list[Check]:
    young = None if identity.due_at is None else identity.due_at > now
    last = clock.show_time(server.last_verified_at) if server.last_verified_at else ""
    bits = f"{identity.key.bits} bits" if identity.key else ""
    days = f"{identity.age_days} of {identity.rotation_days} days" if identity.key else ""
    return [
        Check("strength", _("Key strength compliant (2048-bit minimum)"), _strong(identity), bits),
        Check("age", _("Key age compliant (<%(n)d days policy)") % {"n": identity.rotation_days}, young, days),
        Check("frequency", _("Verification frequency compliant (daily requirement)"), _fresh(server, now), last),
        Check("tls", _("TLS version compliant (1.2+ required)"), _tls(server), server.tls_version),
    ]


def _parts(server: McpServer, identity: Identity, attempts: Attempts, now: datetime) -> list[Part]:
    strong, fresh, tls = _strong(identity), _fresh(server, now), _tls(server)
    verified = server.verification == VerificationStatus.VERIFIED
    young = identity.due_at is not None and identity.due_at > now
    share = attempts.share
    proofs = round(10 * share / 100) if share is not None else 0
    return [
        _part(
            _("A strong public key"), 25, strong, _("Register a public key: RSA of 2048 bits, Ed25519 or ECDSA P-256.")
        ),
        _part(_("Verified by its key"), 25, verified, _("Verify the server: calls through it are denied until then.")),
        _part(_("Key within its rotation policy"), 15, young, _("Rotate key for security compliance")),
        _part(_("Verified within the last day"), 15, fresh, _("Verify the server at least once a day.")),
        _part(_("TLS 1.2 or newer"), 10, tls, _("Offer TLS 1.2 or newer; AIM measures it at each verification.")),
        Part(
            _("Share of verifications that succeeded"),
            proofs,
            10,
            None if proofs == 10 else _("Look at the failed attempts in the verification history."),  # noqa: PLR2004
        ),
    ]


def _part(label: Promise, most: int, reached: bool | None, advice: Promise) -> Part:  # noqa: FBT001 - it is the result
    return Part(label, most if reached else 0, most, None if reached else advice)
