from django.urls import path

from accounts.api.invitation_views import InvitationResendView, InvitationRevokeView, InvitationsView, InvitationView
from accounts.api.member_views import (
    MemberSessionsView,
    MemberSignInView,
    MembersView,
    MemberTransferView,
    MemberView,
)
from accounts.api.notification_views import NotificationReadView, NotificationsReadView, NotificationsView
from accounts.api.session_views import SessionsView, SessionView
from accounts.api.team_views import TeamMembersView, TeamMemberView, TeamsView, TeamView
from accounts.api.token_views import TokensView, TokenView
from accounts.api.views import LogoView, MeView, OrganizationView, RolesView

app_name = "accounts-api"
urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("roles", RolesView.as_view(), name="roles"),
    path("organization", OrganizationView.as_view(), name="organization"),
    path("organization/logo", LogoView.as_view(), name="organization-logo"),
    path("members", MembersView.as_view(), name="members"),
    path("members/<str:user_id>", MemberView.as_view(), name="member"),
    path("members/<str:user_id>/transfer", MemberTransferView.as_view(), name="member-transfer"),
    path("members/<str:user_id>/reset-sign-in", MemberSignInView.as_view(), name="member-reset-sign-in"),
    path("members/<str:user_id>/sessions", MemberSessionsView.as_view(), name="member-sessions"),
    path("invitations", InvitationsView.as_view(), name="invitations"),
    path("invitations/<str:invitation_id>", InvitationView.as_view(), name="invitation"),
    path("invitations/<str:invitation_id>/resend", InvitationResendView.as_view(), name="invitation-resend"),
    path("invitations/<str:invitation_id>/revoke", InvitationRevokeView.as_view(), name="invitation-revoke"),
    path("notifications", NotificationsView.as_view(), name="notifications"),
    path("notifications/read", NotificationsReadView.as_view(), name="notifications-read"),
    path("notifications/<str:notification_id>/read", NotificationReadView.as_view(), name="notification-read"),
    path("sessions", SessionsView.as_view(), name="sessions"),
    path("sessions/<str:session_id>", SessionView.as_view(), name="session"),
    path("teams", TeamsView.as_view(), name="teams"),
    path("teams/<str:team_id>", TeamView.as_view(), name="team"),
    path("teams/<str:team_id>/members", TeamMembersView.as_view(), name="team-members"),
    path("teams/<str:team_id>/members/<str:user_id>", TeamMemberView.as_view(), name="team-member"),
    path("tokens", TokensView.as_view(), name="tokens"),
    path("tokens/<str:token_id>", TokenView.as_view(), name="token"),
]
