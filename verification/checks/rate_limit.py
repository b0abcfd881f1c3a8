from verification.contracts import Case, Outcome, Passed
from verification.registry import check


@check(name="rate_limit", title="Rate limit", order=100, position=80)
def rate_limit(case: Case) -> Outcome:
    """State the limits that the database counts against when it admits the decision.

    Whether there is room is not known here: only the row that all processes share can say, in the transaction that
    records the decision. `verification.allowance` turns this line into a refusal when there is none.
    """
    return Passed(f"within {case.agent.calls_per_hour} calls an hour")
