from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check

_INSIDE = Passed()


@check(name="scope", title="Scope", order=60, position=30)
def scope(case: Case) -> Outcome:
    """The resource, once normalised, lies in the agent's scope, and the person acted for is one it may act for."""
    agent, request = case.agent, case.request
    if agent.users is not None and request.user_id not in agent.users:
        return Failed(
            Code.OUT_OF_SCOPE, "User out of scope", f"the agent may not act for {request.user_id or 'nobody'}"
        )
    if request.place is None:
        return Failed(Code.OUT_OF_SCOPE, "Resource out of scope", request.hostile)
    if agent.scope.allows(request.place):
        return _INSIDE
    return Failed(Code.OUT_OF_SCOPE, "Resource out of scope", f"{request.resource} is in none of the agent's scopes")
