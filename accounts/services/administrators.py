"""The first admin of an organization, made by an operator at the machine."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext, ngettext

from accounts.contracts import OPERATOR
from accounts.models import Membership, Organization, Role
from accounts.services.members import add_member, change_role
from accounts.services.organizations import create_organization
from accounts.services.tokens import EVERYTHING, create_token
from accounts.services.users import create_user, one_time_password, user_by_email
from aim import clock
from aim.errors import InvalidInputError, Problem

_TOKEN_LIFE = timedelta(days=365)
_LOCK = 0x41494D01


@dataclass(frozen=True, slots=True)
class Administrator:
    """What the operator is told, once; `password` is None for somebody who was known already."""

    membership: Membership
    password: str | None
    token: str


@transaction.atomic
def create_administrator(*, email: str, organization_name: str, name: str = "") -> Administrator:
    """Make the organization, the person and the membership where they do not exist, and always a new token."""
    _check(email, organization_name)
    with connection.cursor() as cursor:
        # Two runs at once would both find nothing.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    organization = Organization.objects.filter(name=organization_name).first()
    if organization is None:
        organization = create_organization(OPERATOR, organization_name)
    user, password = user_by_email(email), None
    if user is None:
        password = one_time_password()
        user = create_user(OPERATOR, email, name=name, password=password, organization_id=organization.id)
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        membership = add_member(OPERATOR, user, organization=organization, role=Role.ADMIN)
    elif membership.role != Role.ADMIN:
        membership = change_role(OPERATOR, user.id, organization_id=organization.id, role=Role.ADMIN)
    _, secret = create_token(
        OPERATOR,
        "createadmin",
        membership=membership,
        scopes=[EVERYTHING],
        expires_at=clock.now() + _TOKEN_LIFE,
    )
    return Administrator(membership=membership, password=password, token=secret.text)


def _check(email: str, organization_name: str) -> None:
    problems = []
    try:
        validate_email(email)
    except ValidationError:
        problems.append(Problem("email", "invalid", gettext("%(email)r is no e-mail address.") % {"email": email}))
    longest = Organization._meta.get_field("name").max_length or 0  # noqa: SLF001 - Django's documented API
    if not organization_name.strip() or len(organization_name) > longest:
        problems.append(
            Problem(
                "organization",
                "invalid",
                ngettext(
                    "An organization's name has 1 to %(most)s character.",
                    "An organization's name has 1 to %(most)s characters.",
                    longest,
                )
                % {"most": longest},
            )
        )
    if problems:
        raise InvalidInputError(tuple(problems))
