"""Who looks at a page, as far as the shared parts of the console need to know. `accounts.contracts.Actor` is one."""

from typing import Any, Protocol
from uuid import UUID


class Viewer(Protocol):
    """`permission` is one of `accounts.permissions.Permission`, whose text this floor does not interpret."""

    @property
    def organization_id(self) -> UUID | None: ...

    def may(self, permission: Any, /) -> bool: ...
