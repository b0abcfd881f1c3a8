"""Whether the trust score of a snapshot is the one that the agent's signed chain ends with."""

from typing import Any, LiteralString

from agents.trust import SignedStep, Step, step_problem

HEAD_COLUMNS: LiteralString = """
    h.id AS trust_id, h.organization_id AS trust_organization_id, h.agent_id AS trust_agent_id,
    h.number AS trust_number, h.cause AS trust_cause, h.reason AS trust_reason, h.delta AS trust_delta,
    h.score AS trust_head, h.entry_id AS trust_entry_id, h.seq AS trust_seq, h.at AS trust_at,
    h.previous AS trust_previous, h.key_id AS trust_key_id, h.signature AS trust_signature,
    EXISTS (SELECT FROM agents_trustaccount t WHERE t.agent_id = a.id AND t.frozen_at IS NOT NULL) AS trust_frozen"""
HEAD_JOIN: LiteralString = """
LEFT JOIN LATERAL (
    SELECT * FROM agents_trustevent e WHERE e.agent_id = a.id ORDER BY e.number DESC LIMIT 1) h ON true"""


def check_head(row: dict[str, Any]) -> None:
    """Raise `ValueError` where the score of the row is not vouched for: it was changed, or its chain was."""
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
