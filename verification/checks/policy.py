from verification.codes import Code
from verification.contracts import Case, Failed, NeedsApproval, Outcome, Passed
from verification.policies.results import BY_MANAGERS
from verification.registry import check

_NO_RULE = Passed("no rule applies")


@check(name="policy", title="Policy", order=70, position=40)
def policy(case: Case) -> Outcome:
    """The agent's own lists: what is always denied comes before what needs a person's approval."""
    agent, request = case.agent, case.request
    if (rule := agent.auto_deny.match(request.action_type, request.place)) is not None:
        return Failed(Code.POLICY_DENIED, "Denied by policy", f"auto-deny: {rule}")
    if (rule := agent.require_approval.match(request.action_type, request.place)) is not None:
        return NeedsApproval("Approval required", f"require-approval: {rule}", BY_MANAGERS)
    return _NO_RULE
