"""Who is acting: the shape that every service takes first."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.errors import PermissionDeniedError, ProofRequiredError
from accounts.permissions import Permission

_NIL = UUID(int=0)


class ActorKind(StrEnum):
    PERSON = "person"
    AGENT = "agent"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an agent, an operator at the console of the machine, or the system itself.

    `organization_id` is None only for operators; `address` is where the call came from, if it came by network.
    """

    kind: ActorKind
    id: UUID | None
    label: str
    organization_id: UUID | None
    permissions: frozenset[Permission]
    address: str | None = None
    credential: str | None = None
    """Which credential was used, by its public prefix: `session`, `aimp_AbCd`, `aim_AbCd`."""
    fresh: bool = True
    """False in a session whose person has not proved who they are for a while."""

    @property
    def scope(self) -> UUID:
        """The organization whose rows the actor may see, for queries: no row has the nil id of those without one."""
        return self.organization_id or _NIL

    @property
    def self_id(self) -> UUID:
        """The actor's own id, for queries."""
        return self.id or _NIL

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise `PermissionDeniedError` unless the permission is held."""
        if not self.may(permission):
            raise PermissionDeniedError(permission)

    def require_fresh(self) -> None:
        """Raise `ProofRequiredError` for a critical change in a session that may have been left open."""
        if not self.fresh:
            raise ProofRequiredError

    def entry(self) -> dict[str, object]:
        """How the ledger names this actor."""
        return {
            "kind": self.kind.value,
            "id": self.id.hex if self.id else None,
            "label": self.label,
            "address": self.address,
            "credential": self.credential,
        }


OPERATOR = Actor(
    kind=ActorKind.OPERATOR, id=None, label="operator", organization_id=None, permissions=frozenset(Permission)
)
