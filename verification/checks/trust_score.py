from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check


@check(name="trust_score", title="Trust score", order=80, position=50)
def trust_score(case: Case) -> Outcome:
    """The agent's trust reaches its own minimum; an agent without a score has not earned any."""
    agent = case.agent
    if agent.trust_score is None or agent.trust_score < agent.min_trust:
        return Failed(Code.TRUST_TOO_LOW, "Trust score below threshold", agent.trust_detail)
    return Passed(agent.trust_detail)
