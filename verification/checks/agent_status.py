from verification.codes import Code
from verification.contracts import Case, Errored, Failed, Outcome, Passed
from verification.registry import check

_VERIFIED = Passed("verified")
_REFUSALS = {
    "pending": (Code.AGENT_NOT_VERIFIED, "Agent is not verified"),
    "suspended": (Code.AGENT_SUSPENDED, "Agent is suspended"),
    "revoked": (Code.AGENT_REVOKED, "Agent is revoked"),
}


@check(name="agent_status", title="Agent status", order=10, position=10)
def agent_status(case: Case) -> Outcome:
    """Only a verified agent whose whole configuration is understood may act."""
    agent = case.agent
    if agent.broken:
        return Errored(f"Configuration not understood: {'; '.join(agent.broken)}")
    if agent.status == "verified":
        return _VERIFIED
    code, reason = _REFUSALS.get(agent.status, (Code.AGENT_NOT_VERIFIED, "Agent is not verified"))
    return Failed(code, reason, agent.status_reason)
