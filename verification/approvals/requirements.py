"""Requirements as they are stored with a request for approval: a flat list, each of which must be met."""

from typing import Any

import msgspec

from verification.policies.results import ApprovalRequirement

_encode = msgspec.json.Encoder().encode


def flat(requirement: ApprovalRequirement) -> tuple[ApprovalRequirement, ...]:
    """Each requirement by itself."""
    return tuple(dict.fromkeys(msgspec.structs.replace(one, also=()) for one in requirement.every()))


def encode_requirement(requirement: ApprovalRequirement) -> bytes:
    return _encode(flat(requirement))


def stored(requirements: tuple[ApprovalRequirement, ...]) -> list[dict[str, Any]]:
    """As a JSON column takes them."""
    kept: list[dict[str, Any]] = msgspec.to_builtins(list(requirements))
    return kept


def read_requirements(value: Any) -> tuple[ApprovalRequirement, ...]:
    """Raises `msgspec.ValidationError` where the column holds something else."""
    return tuple(msgspec.convert(value, list[ApprovalRequirement]))


def only_agents(requirement: ApprovalRequirement) -> bool:
    """Whether some part of what is asked can be met by agents alone, so that they could wait for each other."""
    return any(is_for_agents(one) for one in requirement.every())


def is_for_agents(one: ApprovalRequirement) -> bool:
    return bool(one.agents) and not (one.roles or one.users or one.teams)
