"""The JSON of organizations and people."""

from typing import Any

from rest_framework import serializers

from accounts.alerts import preferences_of
from accounts.contracts import ActorKind
from accounts.models import Role, UserSession
from accounts.permissions import Permission
from accounts.services.organization_security import SECURITY_FIELDS, clean_domain
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, TruthField, WholeNumberField
from aim.ids import IdKind

_NAME = 200


class SecuritySerializer(StrictSerializer):
    second_factor_required = TruthField(
        required=False, help_text="Members without a second factor must add one before anything else."
    )
    sso_only = TruthField(required=False, help_text="Passwords and passkeys no longer open this organization.")
    session_hours = WholeNumberField(required=False, help_text="How long a session lasts: 1 to 168.")
    allowed_domains = serializers.ListField(
        child=TextField(max_length=253),
        required=False,
        max_length=20,
        help_text="Whoever signs in by a provider with a confirmed address of these domains joins as a viewer.",
    )

    def validate_allowed_domains(self, domains: list[str]) -> list[str]:
        return sorted({clean_domain(domain) for domain in domains})


class LogoSerializer(StrictSerializer):
    digest = serializers.CharField(read_only=True, help_text="SHA-256 of the stored PNG.")
    width = serializers.IntegerField(read_only=True)
    height = serializers.IntegerField(read_only=True)


class LogoUploadSerializer(StrictSerializer):
    content = TextField(
        max_length=1_400_000, help_text="A PNG, JPEG or WebP picture in base64, at most 1 MB. It is drawn anew."
    )


class OrganizationSerializer(StrictSerializer):
    id = IdField(kind=IdKind.ORGANIZATION, read_only=True)
    name = TextField(max_length=_NAME, required=False)
    timezone = TextField(max_length=64, required=False, help_text="A name of the IANA database.")
    policy_changes_need_second_person = TruthField(
        required=False, help_text="Activating and retiring a policy needs two people; so does switching this off."
    )
    security = SecuritySerializer(required=False, source="*")
    alerts = serializers.DictField(
        child=serializers.ListField(child=TextField(max_length=20), max_length=len(Role)),
        required=False,
        help_text="Which roles get mail for which alert. What is not named stays as it is.",
    )
    logo = LogoSerializer(read_only=True, allow_null=True)
    status = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)

    def to_internal_value(self, data: Any) -> Any:
        """The flat form that the service takes, with `security` by itself."""
        values = super().to_internal_value(data)
        security = {name: values.pop(name) for name in SECURITY_FIELDS if name in values}
        return {**values, **({"security": security} if security else {})}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = dict(super().to_representation(_Shown(instance)))
        return shown


class _Shown:
    """An organization with what is not an attribute of its row."""

    def __init__(self, organization: Any) -> None:
        self._organization = organization
        self.alerts = preferences_of(organization)
        self.logo = getattr(organization, "logo", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._organization, name)


class OrganizationRefSerializer(StrictSerializer):
    id = IdField(kind=IdKind.ORGANIZATION, read_only=True)
    name = serializers.CharField(read_only=True)


class PersonSerializer(StrictSerializer):
    id = IdField(kind=IdKind.USER, read_only=True)
    email = serializers.EmailField(read_only=True)
    name = serializers.CharField(read_only=True)


class CallerSerializer(StrictSerializer):
    """Who the credentials belong to, and what they allow."""

    kind = serializers.ChoiceField(choices=[ActorKind.PERSON.value, ActorKind.AGENT.value], read_only=True)
    id = serializers.CharField(read_only=True, help_text="`usr_…` or `agt_…`.")
    label = serializers.CharField(  # type: ignore[assignment]
        read_only=True, help_text="The e-mail address, or the agent's name."
    )
    organization = OrganizationRefSerializer(read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True, allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)
    credential = serializers.CharField(read_only=True, help_text="`session`, or the prefix of the token or key.")


class MemberSerializer(StrictSerializer):
    id = IdField(kind=IdKind.USER, source="user_id", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices)
    active = serializers.BooleanField(source="user.is_active", read_only=True)
    joined_at = MomentField(source="created_at", read_only=True)


class TransferSerializer(StrictSerializer):
    to = IdField(kind=IdKind.USER)


class TransferredSerializer(StrictSerializer):
    transferred = serializers.IntegerField(read_only=True, help_text="How many things changed hands.")


class SignInResetSerializer(StrictSerializer):
    password = serializers.CharField(read_only=True, help_text="For one sign-in, then replaced. Shown this once.")


class SessionSerializer(StrictSerializer):
    id = IdField(kind=IdKind.SESSION, read_only=True)
    organization = serializers.CharField(source="membership.organization.name", read_only=True)
    method = serializers.ChoiceField(choices=UserSession.Method.choices, read_only=True)
    second_factor = serializers.CharField(read_only=True, help_text="Empty where none was asked for.")
    started_at = MomentField(read_only=True)
    seen_at = MomentField(read_only=True)
    address = serializers.CharField(read_only=True, allow_null=True)
    user_agent = serializers.CharField(read_only=True)


class TeamMemberSerializer(StrictSerializer):
    user_id = IdField(kind=IdKind.USER)


class TeamSerializer(StrictSerializer):
    id = IdField(kind=IdKind.TEAM, read_only=True)
    name = TextField(max_length=_NAME)
    members = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    def get_members(self, team: Any) -> list[dict[str, Any]]:
        people = sorted((membership.user for membership in team.members.all()), key=lambda user: user.email)
        return [dict(PersonSerializer(user).data) for user in people]


class TokenSerializer(StrictSerializer):
    id = IdField(kind=IdKind.TOKEN, read_only=True)
    name = TextField(max_length=_NAME)
    scopes = serializers.ListField(
        child=TextField(max_length=100),
        min_length=1,
        max_length=len(Permission),
        help_text='Permissions as `GET /api/v1/roles` lists them, or `["*"]` for all that the role allows.',
    )
    expires_at = MomentField(help_text="At most 366 days ahead.")
    prefix = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)
    revoked_at = MomentField(read_only=True, allow_null=True)


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(read_only=True, help_text="The secret, `aimp_…`. Shown this once.")


class RoleSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)


class RolesSerializer(StrictSerializer):
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="All there are.")
    roles = RoleSerializer(many=True, read_only=True)
