from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check

_GRANTED = Passed()


@check(name="capability", title="Capability", order=50, position=20)
def capability(case: Case) -> Outcome:
    """The action belongs to a capability of the agent; an action nobody knows belongs to none."""
    action = case.request.action_type
    if action in case.agent.actions:
        return _GRANTED
    return Failed(Code.CAPABILITY_MISSING, f"Missing capability: {action}")
