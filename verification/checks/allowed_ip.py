from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check
from verification.snapshot import address_in

_ANYWHERE = Passed("any address")


@check(name="allowed_ip", title="Allowed address", order=20, position=15)
def allowed_ip(case: Case) -> Outcome:
    """An agent with a list of address ranges calls from within one of them."""
    if not case.agent.networks:
        return _ANYWHERE
    if address_in(case.origin.address, case.agent.networks):
        return Passed(case.origin.address)
    return Failed(Code.IP_NOT_ALLOWED, "Address not allowed", f"{case.origin.address} is in none of the agent's ranges")
