"""Who keeps records of agents: higher rooms register here, and an agent with records cannot be deleted."""

from collections.abc import Callable
from uuid import UUID

RecordSource = Callable[[UUID], bool]
_sources: dict[str, RecordSource] = {}


def register_record_source(name: str, has_records: RecordSource) -> None:
    """`name` is shown to people, such as `verifications`; call it in `ready()`. A second use of a name raises."""
    if _sources.setdefault(name, has_records) is not has_records:
        raise ValueError(f"Records named {name} are registered already")


def sources_with_records(agent_id: UUID) -> list[str]:
    """The names of those that have records of the agent."""
    return [name for name, has_records in _sources.items() if has_records(agent_id)]
