from django.urls import path

from accounts.views import login_page, logout_page, organization_switch, password_page

app_name = "accounts"
urlpatterns = [
    path("login", login_page, name="login"),
    path("logout", logout_page, name="logout"),
    path("account/password", password_page, name="password"),
    path("account/organization", organization_switch, name="organization-switch"),
]
