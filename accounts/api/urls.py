from django.urls import path

from accounts.api.team_views import TeamMembersView, TeamMemberView, TeamsView, TeamView
from accounts.api.token_views import TokensView, TokenView
from accounts.api.views import MembersView, MemberView, MeView, OrganizationView, RolesView

app_name = "accounts-api"
urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("roles", RolesView.as_view(), name="roles"),
    path("organization", OrganizationView.as_view(), name="organization"),
    path("members", MembersView.as_view(), name="members"),
    path("members/<str:user_id>", MemberView.as_view(), name="member"),
    path("teams", TeamsView.as_view(), name="teams"),
    path("teams/<str:team_id>", TeamView.as_view(), name="team"),
    path("teams/<str:team_id>/members", TeamMembersView.as_view(), name="team-members"),
    path("teams/<str:team_id>/members/<str:user_id>", TeamMemberView.as_view(), name="team-member"),
    path("tokens", TokensView.as_view(), name="tokens"),
    path("tokens/<str:token_id>", TokenView.as_view(), name="token"),
]
