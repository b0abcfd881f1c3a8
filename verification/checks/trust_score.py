from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check


@check(name="trust_score", title="Trust score", order=80, position=50)
def trust_score(case: Case) -> Outcome:
    """The agent's trust reaches its own minimum; an agent without a score has not earned any."""
    agent = case.agent
    if agent.trust_score is None:
        return Failed(Code.TRUST_TOO_LOW, "Trust score below threshold", f"not scored, needs {agent.min_trust}")
    detail = f"{agent.trust_score.normalize():f}, needs {agent.min_trust}"
    if agent.trust_score < agent.min_trust:
        return Failed(Code.TRUST_TOO_LOW, "Trust score below threshold", detail)
    return Passed(detail)
