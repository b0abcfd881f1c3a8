"""Every address of the product."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("agents.api.urls")),
]

handler400 = "aim.api.problems.bad_request"
handler403 = "aim.api.problems.permission_denied"
handler404 = "aim.api.problems.not_found"
handler500 = "aim.api.problems.server_error"
