"""What the worker does for MCP servers. Each task finds by itself what is due, and is harmless when it runs twice."""

from celery import shared_task

from mcp.services.rollover import end_rollovers, remind_of_rollovers


@shared_task
def move_rollovers() -> tuple[int, int]:
    """Retire old keys at the end of their rollover and remind of those to come; answers how many of each."""
    return end_rollovers(), remind_of_rollovers()
