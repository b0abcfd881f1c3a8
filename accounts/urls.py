from django.urls import path

from accounts.pages.door import join_page, login_page, logout_page, provider_page
from accounts.pages.logo import logo_page
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
]
