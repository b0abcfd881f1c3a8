"""What this room adds to `/readyz`."""

from aim.health import readiness
from verification.engine import engine_state


@readiness("writer")
def writer_ready() -> str | None:
    """The writer has a connection and its last batch was recorded. A process without an engine decides nothing."""
    state = engine_state()
    return None if state["ready"] or not state["started"] else "cannot record decisions"
