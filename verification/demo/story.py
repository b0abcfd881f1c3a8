"""The demonstration organization as `acme.toml` tells it."""

from pathlib import Path

import msgspec

from verification.policies.yaml_files import PolicyFile, read_file


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something an agent asks for. `code` is that of the refusal it meets, empty where it is approved.

    `ms` and `bytes` are the least and the most that a report of it says.
    """

    action: str
    resources: tuple[str, ...]
    weight: float
    ms: tuple[int, int] = (5, 50)
    bytes: tuple[int, int] = (0, 0)
    destination: str | None = None
    code: str = ""
    otherwise: str | None = None
    """The code where a policy lets another hour or another person decide otherwise."""

    @property
    def codes(self) -> set[str]:
        return {self.code} if self.otherwise is None else {self.code, self.otherwise}


class AgentStory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent: how it is registered, when it is busy, and what it does."""

    name: str
    display_name: str
    version: str
    description: str
    owner: str
    key: str
    hours: str
    share: float
    capabilities: list[str]
    resource_scope: list[str]
    calls_per_hour: int
    work: tuple[Act, ...]
    strays: tuple[Act, ...]
    agent_type: str = "ai_agent"
    team: str | None = None
    bytes_per_day: int = 10_000_000_000
    allowed_ip_ranges: list[str] = []
    require_approval: list[str] = []
    auto_deny: list[str] = []
    pending: bool = False
    suspended: str = ""


class PersonStory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    name: str
    role: str
    teams: tuple[str, ...]


class ContainmentStory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    pattern: str
    reason: str


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first of the people is the admin whom the operator may sign in as."""

    organization: str
    timezone: str
    services: tuple[str, ...]
    people: tuple[PersonStory, ...]
    containments: tuple[ContainmentStory, ...]
    policies: dict[str, str]
    """Names in `acme_policies.yaml`, and what each version is made: active or shadow."""
    agents: tuple[AgentStory, ...]


def read_story() -> Story:
    return msgspec.toml.decode((Path(__file__).parent / "acme.toml").read_bytes(), type=Story)


def read_policies() -> PolicyFile:
    return read_file((Path(__file__).parent / "acme_policies.yaml").read_text())
