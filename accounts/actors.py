"""Turns a membership into the actor that every service and selector takes first."""

from uuid import UUID

from accounts.contracts import Actor, ActorKind
from accounts.models import Membership, Organization
from accounts.permissions import Permission, permissions_of


def is_usable(membership: Membership) -> bool:
    """Whether the person and the organization are active: asked at every use of every credential."""
    return membership.user.is_active and membership.organization.status == Organization.Status.ACTIVE


def person_actor(
    membership: Membership, *, credential: str, address: str | None = None, scopes: list[str] | None = None
) -> Actor:
    """The person of the membership with the rights of the role, narrowed to `scopes` where a token is used."""
    return Actor(
        kind=ActorKind.PERSON,
        id=membership.user_id,
        label=membership.user.email,
        organization_id=membership.organization_id,
        permissions=permissions_of(membership.role, scopes),
        address=address,
        credential=credential,
    )


def system_actor(organization_id: UUID, *, label: str, permissions: frozenset[Permission]) -> Actor:
    """The product itself, acting inside one organization by a rule of its own that `label` names, such as `trust`."""
    return Actor(kind=ActorKind.SYSTEM, id=None, label=label, organization_id=organization_id, permissions=permissions)
