from django.urls import path

from accounts.pages.account import (
    account_page,
    factor_add,
    factor_remove,
    identity_unlink,
    recovery_codes_new,
    session_end,
    sessions_end,
)
from accounts.pages.alerts import alert_settings, alert_webhook, own_alerts
from accounts.pages.door import join_page, login_page, logout_page, provider_page
from accounts.pages.invitations import invitation_resend, invitation_revoke, invite_page, invited_page
from accounts.pages.lists import (
    columns_choose,
    view_change,
    view_default,
    view_new,
    view_remove,
    view_replace,
    views_manage,
)
from accounts.pages.logo import logo_page
from accounts.pages.members import (
    member_page,
    member_remove,
    member_reset,
    member_role,
    member_sessions_end,
    member_settings,
    member_transfer,
    team_create,
    team_member_change,
    team_remove,
    team_rename,
)
from accounts.pages.notifications import notification_read, notifications, notifications_read, waiting
from accounts.pages.organization import organization_switch
from accounts.pages.password import forgotten_page, password_page, reset_link_page, reset_page
from accounts.pages.proof import proof_options, proof_page
from accounts.pages.second_factor import (
    add_second_factor_page,
    passkey_check_options,
    passkey_options,
    passkey_sign_in,
    second_factor_page,
)
from accounts.pages.settings import (
    logo_remove,
    organization_settings,
    role_settings,
    security_settings,
)
from accounts.pages.tokens import token_new, token_revoke, token_settings
from accounts.pages.tour import tour

app_name = "accounts"
urlpatterns = [
    path("login", login_page, name="login"),
    path("login/with/<str:provider>", provider_page, name="provider"),
    path("login/join", join_page, name="join"),
    path("login/passkey", passkey_sign_in, name="passkey"),
    path("login/passkey/options", passkey_check_options, name="passkey-check-options"),
    path("login/second-factor", second_factor_page, name="second-factor"),
    path("login/forgotten", forgotten_page, name="forgotten"),
    path("login/reset", reset_page, name="password-new"),
    path("login/reset/<str:uid>/<str:token>", reset_link_page, name="password-reset"),
    path("login/prove", proof_page, name="prove"),
    path("login/prove/options", proof_options, name="proof-options"),
    path("logout", logout_page, name="logout"),
    path("account/password", password_page, name="password"),
    path("account/second-factor", add_second_factor_page, name="second-factor-add"),
    path("account/passkey/options", passkey_options, name="passkey-options"),
    path("dashboard/logo/<str:digest>", logo_page, name="logo"),
    path("account/organization", organization_switch, name="organization-switch"),
    path("dashboard/account", account_page, name="account"),
    path("dashboard/account/factors/new", factor_add, name="factor-add"),
    path("dashboard/account/factors/<int:factor_id>/remove", factor_remove, name="factor-remove"),
    path("dashboard/account/recovery-codes", recovery_codes_new, name="recovery-codes-new"),
    path("dashboard/account/identities/<int:identity_id>/unlink", identity_unlink, name="identity-unlink"),
    path("dashboard/account/sessions/end", sessions_end, name="sessions-end"),
    path("dashboard/account/sessions/<str:session_id>/end", session_end, name="session-end"),
    path("dashboard/lists/<str:list_name>/columns", columns_choose, name="columns"),
    path("dashboard/lists/<str:list_name>/default", view_default, name="view-default"),
    path("dashboard/lists/<str:list_name>/views", views_manage, name="views"),
    path("dashboard/lists/<str:list_name>/views/new", view_new, name="view-new"),
    path("dashboard/lists/<str:list_name>/views/<str:view_id>", view_change, name="view-change"),
    path("dashboard/lists/<str:list_name>/views/<str:view_id>/replace", view_replace, name="view-replace"),
    path("dashboard/lists/<str:list_name>/views/<str:view_id>/remove", view_remove, name="view-remove"),
    path("dashboard/settings", organization_settings, name="settings"),
    path("dashboard/settings/logo/remove", logo_remove, name="logo-remove"),
    path("dashboard/tour", tour, name="tour"),
    path("dashboard/waiting", waiting, name="waiting"),
    path("dashboard/notifications", notifications, name="notifications"),
    path("dashboard/notifications/read", notifications_read, name="notifications-read"),
    path("dashboard/notifications/<str:notification_id>/read", notification_read, name="notification-read"),
    path("dashboard/settings/roles", role_settings, name="roles"),
    path("dashboard/settings/security", security_settings, name="security"),
    path("dashboard/settings/alerts", alert_settings, name="alerts"),
    path("dashboard/settings/alerts/own", own_alerts, name="alerts-own"),
    path("dashboard/settings/alerts/webhook", alert_webhook, name="alerts-webhook"),
    path("dashboard/settings/tokens", token_settings, name="tokens"),
    path("dashboard/settings/tokens/new", token_new, name="token-new"),
    path("dashboard/settings/tokens/<str:token_id>/revoke", token_revoke, name="token-revoke"),
    path("dashboard/settings/members", member_settings, name="members"),
    path("dashboard/settings/members/invite", invite_page, name="invite"),
    path("dashboard/settings/members/invited", invited_page, name="invited"),
    path("dashboard/settings/invitations/<str:invitation_id>/resend", invitation_resend, name="invitation-resend"),
    path("dashboard/settings/invitations/<str:invitation_id>/revoke", invitation_revoke, name="invitation-revoke"),
    path("dashboard/settings/teams", team_create, name="team-create"),
    path("dashboard/settings/teams/<str:team_id>/rename", team_rename, name="team-rename"),
    path("dashboard/settings/teams/<str:team_id>/remove", team_remove, name="team-remove"),
    path("dashboard/settings/teams/<str:team_id>/members", team_member_change, name="team-members"),
    path("dashboard/settings/members/<str:user_id>", member_page, name="member"),
    path("dashboard/settings/members/<str:user_id>/role", member_role, name="member-role"),
    path("dashboard/settings/members/<str:user_id>/sessions/end", member_sessions_end, name="member-sessions-end"),
    path("dashboard/settings/members/<str:user_id>/remove", member_remove, name="member-remove"),
    path("dashboard/settings/members/<str:user_id>/transfer", member_transfer, name="member-transfer"),
    path("dashboard/settings/members/<str:user_id>/reset", member_reset, name="member-reset"),
]
