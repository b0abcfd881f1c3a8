"""Whether the trust score of a snapshot is the one that the agent's signed chain ends with."""

from typing import Any

from agents.trust import SignedStep, Step, step_problem


def check_head(row: dict[str, Any]) -> None:
    """Of a row of `LOAD_BY_AGENT`. Raises `ValueError` where its score or the chain that vouches for it was changed."""
    if row["trust_frozen"]:
        raise ValueError("the trust score was manipulated and is frozen")
    if row["trust_number"] is None:
        if row["trust_score"] is not None:
            raise ValueError("the score has no signed chain")
        return
    step = Step(
        id=row["trust_id"],
        organization_id=row["trust_organization_id"],
        agent_id=row["trust_agent_id"],
        number=row["trust_number"],
        cause=row["trust_cause"],
        reason=row["trust_reason"],
        delta=row["trust_delta"],
        score=row["trust_head"],
        entry_id=row["trust_entry_id"],
        seq=row["trust_seq"],
        at=row["trust_at"],
        previous=bytes(row["trust_previous"]),
    )
    if problem := step_problem(SignedStep(step, row["trust_key_id"], bytes(row["trust_signature"]))):
        raise ValueError(problem)
    if row["trust_score"] != step.score or step.organization_id != row["organization_id"]:
        raise ValueError(f"the score {row['trust_score']} is not that of the signed chain")
