from aim.crypto.message_signatures import SignatureProblem, check_signature, read_signature
from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed, SignedPassed
from verification.registry import check

_NOT_REQUIRED = Passed("not required")
_REASONS = {
    Code.SIGNATURE_MISSING: "Signature missing",
    Code.SIGNATURE_INVALID: "Invalid signature",
    Code.SIGNATURE_EXPIRED: "Signature expired",
}


@check(name="signature", title="Signature", order=30, position=70, asked_again=False)
def signature(case: Case) -> Outcome:
    """The request carries a good RFC 9421 signature by the agent's active key, where its registration asks for one.

    A signature that nobody asked for is checked all the same when the agent has a key: broken means denied.
    """
    agent, message = case.agent, case.origin.message
    parsed = read_signature(message)
    if isinstance(parsed, SignatureProblem):
        if parsed.code == "signature_missing" and not agent.require_signature:
            return _NOT_REQUIRED
        return _failed(parsed)
    verifier = agent.verifiers.get(parsed.keyid)
    if verifier is None:
        return Failed(Code.SIGNATURE_INVALID, "Invalid signature", "keyid names no active key of this agent")
    problem = check_signature(parsed, message, verifier, now=case.now)
    if problem is not None:
        return _failed(problem)
    return SignedPassed(detail=parsed.keyid, nonce=parsed.nonce, keyid=parsed.keyid)


def _failed(problem: SignatureProblem) -> Failed:
    return Failed(problem.code, _REASONS[Code(problem.code)], problem.detail)
