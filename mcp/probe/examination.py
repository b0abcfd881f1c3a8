"""The examination of a server: every step of a run, without a single change of what is kept of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

from cryptography import x509

from aim import clock
from aim.outbound.asking import Signed, ask_to_sign
from aim.outbound.lines import Shown
from aim.outbound.problems import CANNOT_REACH_ENDPOINT, ErrorCode, ProbeError
from aim.outbound.steps import Name, Progress, Skipped, Step
from mcp.certificates import CertificateFacts, facts_of
from mcp.models import AuthMethod
from mcp.probe.client import UNAUTHORIZED, ServerClient
from mcp.probe.protocol import Conversation, McpClient, Offer
from mcp.probe.target import Target

_SUCCESS = range(200, 300)


class Challenger(Protocol):
    """Makes the statement to sign, and judges what comes back. Both keep it in the database."""

    @property
    def thumbprints(self) -> Sequence[str]:
        """The keys that may sign, the preferred one first; empty where there is none."""

    def issue(self) -> tuple[str, dict[str, Any]]:
        """A new statement, and facts about it for people."""

    def judge(self, signed: Signed) -> dict[str, Any]:
        """Use the challenge up; facts about the signature. Raises `ProbeError` where it is not good."""


@dataclass(frozen=True)
class Plan:
    """What a run looks at. `signature` demands the proof of a key."""

    tls: bool = True
    health: bool = True
    capabilities: bool = True
    signature: bool = True


@dataclass
class Findings:
    """What was seen so far, complete only where nothing failed. `certificate` may be one that is not good."""

    protocol: str = ""
    tls_version: str = ""
    certificate: CertificateFacts | None = None
    offer: Offer | None = None
    instructions: str = ""
    response_ms: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Examination:
    """One examination of one server."""

    def __init__(self, target: Target, plan: Plan, progress: Progress, challenger: Challenger) -> None:
        self._target = target
        self._plan = plan
        self._progress = progress
        self._challenger = challenger
        self._client = ServerClient(target)
        self._mcp = McpClient(self._client)
        self._greeting_error: ProbeError | None = None
        self._signed: Signed | None = None
        self.findings = Findings()

    def run(self) -> Findings:
        """Take the steps that the progress has, in order. Raises `ProbeError` at the first that fails."""
        with self._client:
            try:
                for name, act in (
                    (Name.CONNECT, self._connect),
                    (Name.AUTHENTICATE, self._authenticate),
                    (Name.TLS, self._verify_tls),
                    (Name.HEALTH, self._check_health),
                    (Name.CAPABILITIES, self._enumerate),
                    (Name.CHALLENGE, self._challenge),
                    (Name.SIGNATURE, self._validate),
                ):
                    if self._progress.has(name):
                        with self._progress.running(name) as step:
                            act(step)
            except ProbeError as error:
                self._look_at_bad_certificate(error)
                raise
            finally:
                self._mcp.leave()
        return self.findings

    def _connect(self, step: Step) -> None:
        address = self._client.connect(self._place, unreachable=self._unreachable)
        parts = urlsplit(self._place)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        shown = f"[{address}]" if isinstance(ip_address(address.partition("%")[0]), IPv6Address) else address
        step.facts = {"address": f"{shown}:{port}"}
        step.detail = f"Connected to {shown}:{port}."

    def _authenticate(self, step: Step) -> None:
        if self._target.auth_method == AuthMethod.NONE:
            raise Skipped("The server asks for no authentication.")
        self._client.authenticate()
        step.facts = {"method": self._target.auth_method}
        try:
            self._greet()
        except ProbeError as error:
            if error.code == ErrorCode.UNREACHABLE and self._target.auth_method == AuthMethod.MTLS:
                # The server was there a moment ago: it hangs up on whoever has no certificate that it likes.
                raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, error.detail) from None
            if error.code not in {ErrorCode.HANDSHAKE_FAILED, ErrorCode.PROTOCOL_UNSUPPORTED}:
                raise
            # It was let in, and fails at what comes next.
            self._greeting_error = error
        step.detail = f"{AuthMethod(self._target.auth_method).label} was accepted."

    def _verify_tls(self, step: Step) -> None:
        if urlsplit(self._place).scheme == "http":
            raise Skipped("The server is called without TLS, on this very machine.")
        if not self._plan.tls:
            raise Skipped("Switched off. Every connection is verified nevertheless.")
        shown = self._client.shake_hands(self._place)
        self._keep_certificate(shown)
        step.facts = self._tls_facts(shown)
        assert self.findings.certificate is not None
        step.detail = f"{shown.version}, valid until {self.findings.certificate.not_after:%Y-%m-%d}."

    def _check_health(self, step: Step) -> None:
        if not self._plan.health:
            raise Skipped("Switched off.")
        if not self._target.health_url:
            conversation = self._greet()
            step.facts = {"response_ms": _ms(conversation.seconds)}
            step.detail = "The handshake was answered."
            return
        milliseconds, status = ask_health(self._client)
        step.facts = {"status": status, "response_ms": milliseconds}
        step.detail = f"Answered {status}."

    def _enumerate(self, step: Step) -> None:
        if not self._plan.capabilities:
            raise Skipped("Switched off.")
        conversation = self._greet()
        offer = self._mcp.list_offer()
        self.findings.offer = offer
        step.facts = {
            "protocol": conversation.version,
            "server": conversation.server_name,
            "server_version": conversation.server_version,
            "tools": len(offer.tools),
            "resources": len(offer.resources),
            "prompts": len(offer.prompts),
        }
        step.detail = f"MCP {conversation.version}: {_count(len(offer.tools), 'tool')}, "
        step.detail += f"{_count(len(offer.resources), 'resource')}, {_count(len(offer.prompts), 'prompt')}."

    def _challenge(self, step: Step) -> None:
        if not self._plan.signature:
            raise Skipped("Switched off.")
        if not self._challenger.thumbprints:
            text = "Without a public key the server cannot prove who it is. Register one, or switch this method off."
            raise ProbeError(ErrorCode.SIGNATURE_INVALID, text)
        if not self._target.verification_url:
            text = "Without a verification URL the key cannot be proved. Set one, or switch this method off."
            raise ProbeError(ErrorCode.SIGNATURE_INVALID, text)
        statement, step.facts = self._challenger.issue()
        call = partial(self._client.call, unreachable=CANNOT_REACH_ENDPOINT)
        self._signed = ask_to_sign(call, self._target.verification_url, statement, self._challenger.thumbprints)
        taken = self.findings.response_ms = step.facts["response_ms"] = _ms(self._signed.seconds)
        step.detail = f"Nonce {step.facts['nonce']}…, signed response received after {taken:.0f} ms."

    def _validate(self, step: Step) -> None:
        if self._signed is None:
            raise Skipped("Switched off.")
        step.facts = self._challenger.judge(self._signed)
        step.detail = f"Signed by {step.facts['fingerprint'][:23]}…"

    def _greet(self) -> Conversation:
        if self._greeting_error is not None:
            raise self._greeting_error
        conversation = self._mcp.greet()
        self.findings.protocol = conversation.version
        self.findings.instructions = conversation.instructions
        if self.findings.response_ms is None:
            self.findings.response_ms = _ms(conversation.seconds)
        return conversation

    @property
    def _place(self) -> str:
        """Where the run connects to: the server, or the verification endpoint where nothing else is looked at."""
        return self._target.url if self._progress.has(Name.CAPABILITIES) else self._target.verification_url

    @property
    def _unreachable(self) -> str:
        return "" if self._progress.has(Name.CAPABILITIES) else CANNOT_REACH_ENDPOINT

    def _keep_certificate(self, shown: Shown) -> None:
        self.findings.tls_version = shown.version
        with suppress(ValueError, IndexError):
            self.findings.certificate = facts_of(x509.load_der_x509_certificate(shown.chain[0]))
        if self.findings.certificate is None:
            raise ProbeError(ErrorCode.CERTIFICATE_INVALID, "The certificate cannot be read.")

    def _tls_facts(self, shown: Shown) -> dict[str, Any]:
        certificate = self.findings.certificate
        assert certificate is not None
        return {
            "version": shown.version,
            "cipher": shown.cipher,
            "host": urlsplit(self._place).hostname,
            "chain": [_subject(link) for link in shown.chain],
            **certificate_facts(certificate),
        }

    def _look_at_bad_certificate(self, error: ProbeError) -> None:
        """Say what is wrong with a certificate that was not accepted: whose it is, and until when it was good."""
        if error.code not in {ErrorCode.CERTIFICATE_INVALID, ErrorCode.CERTIFICATE_EXPIRED}:
            return
        with suppress(ProbeError, ValueError, IndexError):
            shown = self._client.look_at(self._place)
            self.findings.certificate = facts_of(x509.load_der_x509_certificate(shown.chain[0]))
            if self._progress.has(Name.TLS):
                facts = certificate_facts(self.findings.certificate)
                self._progress.step(Name.TLS).facts = {"version": shown.version, **facts}


def ask_health(client: ServerClient) -> tuple[float, int]:
    """Ask the health endpoint: how long it took in milliseconds, and the status. Raises `ProbeError`."""
    headers = {"Accept": "*/*"}
    reply = client.call("GET", client.target.health_url, headers=headers, complete=lambda _headers, _body: True)
    if reply.status in UNAUTHORIZED:
        raise ProbeError(
            ErrorCode.AUTHENTICATION_FAILED, f"The health endpoint answered {reply.status}.", status=reply.status
        )
    if reply.status not in _SUCCESS:
        raise ProbeError(ErrorCode.HEALTH_FAILED, f"It answered {reply.status}.", status=reply.status)
    return _ms(reply.seconds), reply.status


def probe_health(target: Target) -> tuple[float, int | None]:
    """One health check by itself: milliseconds that the server took, and the status of its health endpoint, or None
    where it has none and the handshake was asked for instead. Raises `ProbeError`.
    """
    with ServerClient(target) as client:
        if target.health_url:
            return ask_health(client)
        mcp = McpClient(client)
        try:
            return _ms(mcp.greet().seconds), None
        finally:
            mcp.leave()


def certificate_facts(certificate: CertificateFacts) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_before": clock.show_time(certificate.not_before),
        "not_after": clock.show_time(certificate.not_after),
        "fingerprint": certificate.fingerprint,
    }


def _subject(der: bytes) -> str:
    try:
        return facts_of(x509.load_der_x509_certificate(der)).subject
    except ValueError:
        return ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
