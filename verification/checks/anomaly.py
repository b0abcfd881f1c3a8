from verification.behaviour.traits import traits_of
from verification.codes import Code
from verification.contracts import Case, Failed, NeedsApproval, Outcome, Passed
from verification.registry import check

_OFF = Passed("switched off")
_USUAL = tuple(Passed(f"{score} %") for score in range(101))
_SHOWN = 20


@check(name="anomaly", title="Anomaly", order=85, position=60)
def anomaly(case: Case) -> Outcome:
    """The request is like what this agent usually does; how unlike is said in percent, with what it is made of.

    Nothing is unlike an agent of which too little is known, or that was changed just now.
    """
    behaviour, request = case.agent.behaviour, case.request
    rules = behaviour.rules
    if rules.effect == "off":
        return _OFF
    traits = traits_of(request.action_type, request.tool, request.place, request.destination, request.volume)
    found = behaviour.judge(traits, case.now)
    if found.score < _SHOWN:
        return _USUAL[found.score]
    detail = f"{found.explain()}; threshold {rules.threshold} %"
    if found.score < rules.threshold:
        return Passed(detail)
    if rules.effect == "require_approval":
        return NeedsApproval("Approval required: anomaly detected", detail)
    return Failed(Code.ANOMALY, "Anomaly detected", detail)
