"""Organizations and people of a test's own, made by the services that the product itself uses."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from accounts.actors import person_actor
from accounts.contracts import OPERATOR, Actor
from accounts.models import Membership, Organization, Role
from accounts.services.members import add_member
from accounts.services.organizations import create_organization
from accounts.services.tokens import create_token
from accounts.services.users import create_user
from aim import clock

PASSWORD = "a sentence nobody guesses"


@dataclass(frozen=True)
class Person:
    membership: Membership
    token: str

    @property
    def actor(self) -> Actor:
        return person_actor(self.membership, credential="test")

    @property
    def user(self):
        return self.membership.user

    @property
    def organization(self):
        return self.membership.organization


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


def make_organization() -> Organization:
    return create_organization(OPERATOR, unique("Organization"))


def make_person(organization: Organization, role: Role = Role.ADMIN, scopes: tuple[str, ...] = ("*",)) -> Person:
    """Somebody with a settled password and a token, who has seen the tour."""
    email = f"{unique('person')}@example.com"
    user = create_user(OPERATOR, email, password=PASSWORD, organization_id=organization.id)
    user.must_change_password = False
    user.tour_shown_at = clock.now()
    user.save()
    membership = add_member(OPERATOR, user, organization=organization, role=role)
    _, secret = create_token(
        OPERATOR, "test", membership=membership, scopes=scopes, expires_at=clock.now() + timedelta(days=1)
    )
    return Person(membership=membership, token=secret.text)
