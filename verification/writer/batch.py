"""What leaves for PostgreSQL together."""

from verification.records import Row
from verification.writer.jobs import Job


class Batch:
    """Jobs on their way: those of `quick` with their rows, sent together; `careful` are to be recorded after them."""

    __slots__ = ("agents", "careful", "jobs", "quick", "rows", "sent")

    def __init__(self, quick: list[Job], careful: list[Job]) -> None:
        self.quick = quick
        self.careful = careful
        self.jobs = [*quick, *careful]
        self.agents = {job.agent.agent_id for job in self.jobs}
        self.rows: list[Row] = []
        self.sent = 0.0
