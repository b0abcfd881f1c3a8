from verification.codes import Code
from verification.contracts import Case, Failed, NeedsApproval, Outcome, Passed
from verification.policies.results import BY_MANAGERS, strictest
from verification.registry import check

_NO_RULE = Passed("no rule applies")


@check(name="policy", title="Policy", order=70, position=40)
def policy(case: Case) -> Outcome:
    """The agent's own lists and the organization's policies: deny comes before approval, and approval before allow.

    A policy that allows lifts what the agent's own require-approval list asks where it says so, and nothing else.
    """
    agent, request = case.agent, case.request
    verdict = agent.policies.judge(case)
    if (rule := agent.auto_deny.match(request.action_type, request.place)) is not None:
        return Failed(Code.POLICY_DENIED, "Denied by policy", f"auto-deny: {rule}", policies=verdict.matches)
    if verdict.denied:
        return Failed(Code.POLICY_DENIED, "Denied by policy", verdict.denied, policies=verdict.matches)
    requirements, details = list(verdict.requirements), [verdict.note] if verdict.note else []
    if (rule := agent.require_approval.match(request.action_type, request.place)) is not None:
        if verdict.lifts_agent_list:
            details.append(f"require-approval: {rule}, lifted")
        else:
            requirements.append(BY_MANAGERS)
            details.append(f"require-approval: {rule}")
    if requirements:
        return NeedsApproval("Approval required", "; ".join(details), strictest(requirements), verdict.matches)
    if not details and not verdict.matches:
        return _NO_RULE
    return Passed("; ".join(details) or "no rule applies", verdict.matches)
