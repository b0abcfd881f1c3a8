"""The court: runs the checks in order over one case and stops at the first refusal. It knows no single check."""

import hashlib
import time
from collections.abc import Sequence

import structlog

from verification.codes import Code
from verification.contracts import (
    Case,
    CheckResult,
    Decision,
    DecisionStatus,
    Errored,
    Failed,
    NeedsApproval,
    Passed,
    PolicyMatch,
    SignedPassed,
)
from verification.policies.results import strictest
from verification.registry import Check, checks_in_order

log = structlog.get_logger("aim.verification")
NONCE_BYTES = 16
# Codes are written into the record as plain text.
_WAITS, _BROKEN = Code.APPROVAL_REQUIRED.value, Code.CHECK_FAILED.value


class Pipeline:
    """The checks, sorted once."""

    def __init__(self, checks: Sequence[Check] | None = None) -> None:
        """All registered checks, unless others are given."""
        checks = checks_in_order() if checks is None else tuple(checks)
        if not checks:
            raise RuntimeError("No checks are registered; nothing could be denied")
        by_position = sorted(checks, key=lambda check: check.position)
        self._not_run = [CheckResult(name=check.name, result="not_run") for check in by_position]
        self._steps = tuple((by_position.index(check), check.name, check.run) for check in checks)

    def decide(self, case: Case) -> Decision:
        """Decide one case. Never raises: a check that breaks denies."""
        lines = self._not_run.copy()
        details = [""] * len(lines)
        refusal: Failed | Errored | None = None
        approval: NeedsApproval | None = None
        signed: SignedPassed | None = None
        policies: tuple[PolicyMatch, ...] = ()
        clock = time.perf_counter_ns
        started = clock()
        for place, name, run in self._steps:
            try:
                outcome = run(case)
            except Exception as error:
                # Whatever breaks in a check must deny the action, and be seen.
                log.exception("check_broke", check=name, agent=case.agent.public_id)
                outcome = Errored(type(error).__name__)
            ended = clock()
            details[place] = outcome.detail
            if type(outcome) is Passed:
                if outcome.policies:
                    policies = outcome.policies
                lines[place] = CheckResult("", name, ended - started, "passed")
            elif isinstance(outcome, SignedPassed):
                signed = outcome
                lines[place] = CheckResult("", name, ended - started, "passed")
            elif isinstance(outcome, NeedsApproval):
                approval = outcome if approval is None else _both(approval, outcome)
                policies = outcome.policies or policies
                lines[place] = CheckResult(_WAITS, name, ended - started, "needs_approval")
            elif isinstance(outcome, Failed):
                refusal = outcome
                policies = outcome.policies or policies
                lines[place] = CheckResult(str(outcome.code), name, ended - started, "failed")
                break
            else:
                refusal = Errored(outcome.detail)
                lines[place] = CheckResult(_BROKEN, name, ended - started, "errored")
                break
            started = ended
        decision = _decision(tuple(lines), tuple(details), refusal, approval, signed, policies)
        return decision if decision.requirement is None else by_grant(case, decision)


def _decision(
    results: tuple[CheckResult, ...],
    details: tuple[str, ...],
    refusal: Failed | Errored | None,
    approval: NeedsApproval | None,
    signed: SignedPassed | None,
    policies: tuple[PolicyMatch, ...],
) -> Decision:
    nonce = hashlib.sha256(signed.nonce.encode()).digest()[:NONCE_BYTES] if signed else None
    keyid = signed.keyid if signed else None
    if isinstance(refusal, Failed):
        status, code, reason, after = DecisionStatus.DENIED, refusal.code, refusal.reason, refusal.retry_after
        return Decision(status, code, reason, results, nonce, keyid, after, None, policies, details)
    if refusal is not None:
        status, reason = DecisionStatus.DENIED, "Check could not be carried out"
        return Decision(status, Code.CHECK_FAILED, reason, results, nonce, keyid, None, None, policies, details)
    if approval is not None:
        status, code, reason, asked = DecisionStatus.PENDING, _WAITS, approval.reason, approval.requirement
        return Decision(status, code, reason, results, nonce, keyid, None, asked, policies, details)
    return Decision(DecisionStatus.APPROVED, "", "", results, nonce, keyid, None, None, policies, details)


def _both(first: NeedsApproval, second: NeedsApproval) -> NeedsApproval:
    requirement = strictest([*first.requirement.every(), *second.requirement.every()])
    return NeedsApproval(first.reason, second.detail, requirement)


def by_grant(case: Case, decision: Decision) -> Decision:
    """The pending decision, approved where a grant that still stands answers everything that is asked for."""
    assert decision.requirement is not None
    waiting = frozenset(line.name for line in decision.checks if line.result == "needs_approval")
    grant = case.agent.grants.find(case.request, checks=waiting, requirement=decision.requirement, now=case.now)
    if grant is None:
        return decision
    note = f"approved by grant {grant.public_id} of {grant.granted_by}"
    return Decision(
        DecisionStatus.APPROVED,
        "",
        "",
        tuple(
            CheckResult(name=line.name, result="passed", ns=line.ns) if line.name in waiting else line
            for line in decision.checks
        ),
        decision.nonce,
        decision.keyid,
        policies=decision.policies,
        details=tuple(
            f"{detail}; {note}" if line.name in waiting else detail
            for line, detail in zip(decision.checks, decision.details, strict=True)
        ),
    )


def overrule(decision: Decision, check_name: str, refusal: Failed) -> Decision:
    """The decision as it stands once the database has refused what the checks in memory allowed."""
    results = tuple(
        CheckResult(str(refusal.code), line.name, line.ns, "failed") if line.name == check_name else line
        for line in decision.checks
    )
    return Decision(
        DecisionStatus.DENIED,
        refusal.code,
        refusal.reason,
        results,
        decision.nonce,
        decision.keyid,
        refusal.retry_after,
        None,
        decision.policies,
        tuple(
            refusal.detail if line.name == check_name else detail
            for line, detail in zip(decision.checks, decision.details, strict=True)
        ),
    )
