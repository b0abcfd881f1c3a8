"""What the worker does for MCP servers. Each task finds by itself what is due, and is harmless when it runs twice."""

from uuid import UUID

from celery import shared_task

from mcp.services import runs
from mcp.services.rollover import end_rollovers, remind_of_rollovers


@shared_task
def perform_run(run_id: str) -> None:
    """Carry out one run, unless somebody has."""
    runs.perform_run(UUID(hex=run_id))


@shared_task
def tend_runs() -> tuple[int, int]:
    """Give up lost runs and begin forgotten ones; answers how many of each."""
    return runs.tend_runs()


@shared_task
def move_rollovers() -> tuple[int, int]:
    """Retire old keys at the end of their rollover and remind of those to come; answers how many of each."""
    return end_rollovers(), remind_of_rollovers()
