"""The JSON of organizations and people."""

from typing import Any

from rest_framework import serializers

from accounts.contracts import ActorKind
from accounts.models import Role
from accounts.permissions import Permission
from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, TruthField
from aim.ids import IdKind

_NAME = 200


class OrganizationSerializer(StrictSerializer):
    id = IdField(kind=IdKind.ORGANIZATION, read_only=True)
    name = TextField(max_length=_NAME, required=False)
    timezone = TextField(max_length=64, required=False, help_text="A name of the IANA database.")
    policy_changes_need_second_person = TruthField(
        required=False, help_text="Activating and retiring a policy needs two people; so does switching this off."
    )
    status = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)


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
