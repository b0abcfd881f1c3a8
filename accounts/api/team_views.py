"""The API of teams."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.api.serializers import TeamMemberSerializer, TeamSerializer
from accounts.permissions import Permission
from accounts.selectors import team_by_id, teams_visible_to
from accounts.services.teams import add_team_member, create_team, delete_team, remove_team_member, rename_team
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind


@extend_schema(tags=["People"])
class TeamsView(ActorView):
    permissions: ClassVar = {"GET": Permission.TEAMS_READ, "POST": Permission.TEAMS_WRITE}
    pagination_class = CursorPages

    @extend_schema(summary="List the teams", operation_id="teams_list", responses=TeamSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(teams_visible_to(self.actor), request, self)
        return pages.get_paginated_response(TeamSerializer(rows, many=True).data)

    @extend_schema(
        summary="Make a team", operation_id="teams_create", request=TeamSerializer, responses={201: TeamSerializer}
    )
    def post(self, request: Request) -> Response:
        serializer = TeamSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        team = create_team(self.actor, serializer.validated_data["name"])
        return Response(TeamSerializer(team).data, status=201)


@extend_schema(tags=["People"])
class TeamView(ActorView):
    permissions: ClassVar = {
        "GET": Permission.TEAMS_READ,
        "PATCH": Permission.TEAMS_WRITE,
        "DELETE": Permission.TEAMS_WRITE,
    }

    @extend_schema(summary="One team", operation_id="teams_read", responses=TeamSerializer)
    def get(self, _request: Request, team_id: str) -> Response:
        return Response(TeamSerializer(team_by_id(self.actor, path_id(IdKind.TEAM, team_id))).data)

    @extend_schema(
        summary="Rename a team", operation_id="teams_update", request=TeamSerializer, responses=TeamSerializer
    )
    def patch(self, request: Request, team_id: str) -> Response:
        team = team_by_id(self.actor, path_id(IdKind.TEAM, team_id))
        serializer = TeamSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        rename_team(self.actor, team.id, name=serializer.validated_data["name"])
        return Response(TeamSerializer(team_by_id(self.actor, team.id)).data)

    @extend_schema(summary="Delete a team", operation_id="teams_delete", responses={204: None})
    def delete(self, _request: Request, team_id: str) -> Response:
        """Agents that only this team may use can be used by nobody then, until their access scope is changed."""
        delete_team(self.actor, path_id(IdKind.TEAM, team_id))
        return Response(status=204)


@extend_schema(tags=["People"])
class TeamMembersView(ActorView):
    permissions: ClassVar = {"POST": Permission.TEAMS_WRITE}

    @extend_schema(
        summary="Add a member to a team",
        operation_id="teams_members_add",
        request=TeamMemberSerializer,
        responses={201: TeamSerializer},
    )
    def post(self, request: Request, team_id: str) -> Response:
        team = team_by_id(self.actor, path_id(IdKind.TEAM, team_id))
        serializer = TeamMemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        add_team_member(self.actor, team.id, user_id=serializer.validated_data["user_id"])
        return Response(TeamSerializer(team_by_id(self.actor, team.id)).data, status=201)


@extend_schema(tags=["People"])
class TeamMemberView(ActorView):
    permissions: ClassVar = {"DELETE": Permission.TEAMS_WRITE}

    @extend_schema(summary="Take a member out of a team", operation_id="teams_members_remove", responses={204: None})
    def delete(self, _request: Request, team_id: str, user_id: str) -> Response:
        remove_team_member(self.actor, path_id(IdKind.TEAM, team_id), user_id=path_id(IdKind.USER, user_id))
        return Response(status=204)
